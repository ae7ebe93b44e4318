"""Security headers of every answer, and external file names in headers and logs."""

import json
import re
from email.message import Message
from urllib.parse import unquote

import httpx
import pytest

from docmill.api.core.downloads import attachment
from docmill.errors import bounded
from tests.fixtures.api import ApiServer

DEFAULT = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
METHODS = ("get", "post", "put", "patch", "delete")


async def test_every_operation_sends_security_headers(api: httpx.AsyncClient) -> None:
    document = (await api.get("/openapi.json")).json()
    operations = [
        (method, re.sub(r"\{[^}]+\}", "none", path))
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]
    assert len(operations) > 50
    for method, path in operations:
        answer = await api.request(method.upper(), path)
        found = {name: answer.headers.get(name) for name in DEFAULT}
        assert found == DEFAULT, f"{method} {path} {answer.status_code}"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/nowhere", {}, 404),
        ("/openapi.json", {}, 200),
        ("/healthz", {}, 200),
        ("/api/v1/projects", {"Host": "evil.example"}, 403),
        ("/api/v1/projects/%00", {}, 404),
    ],
)
async def test_errors_and_documentation_pages_have_security_headers(
    api: httpx.AsyncClient, path: str, headers: dict[str, str], status: int
) -> None:
    answer = await api.get(path, headers=headers)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in DEFAULT} == DEFAULT


async def test_documentation_pages_cannot_be_framed(api: httpx.AsyncClient) -> None:
    for path in ("/docs", "/redoc"):
        answer = await api.get(path)
        assert answer.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_uploaded_page_is_never_rendered(api: httpx.AsyncClient) -> None:
    page = b"<script>fetch('/api/v1/beta/files')</script>"
    upload = {"file": ("page.html", page, "text/html")}
    made = await api.post("/api/v1/beta/files", files=upload, data={"purpose": "parse"})
    link = (await api.get(f"/api/v1/beta/files/{made.json()['id']}/content")).json()["url"]
    for method in ("GET", "HEAD"):
        answer = await api.request(method, link)
        assert answer.status_code == 200
        assert answer.headers["content-disposition"].startswith("attachment;")
        assert answer.headers["x-content-type-options"] == "nosniff"
        policy = answer.headers["content-security-policy"].split("; ")
        assert policy == ["sandbox", "default-src 'none'", "frame-ancestors 'none'"]


NAMES = [
    "a\rb.txt",
    "a\nb.txt",
    "a\r\nSet-Cookie: x=1\r\n\r\n<script>.txt",
    "a\x0bb\x0cc\x1b[31md.txt",
    "a\x85b\u2028c\u2029d.txt",
    "invoice\u202egpj.exe",
    "\u2066a\u2069\u200e\u200f.txt",
    "../../etc/passwd",
    "..\\..\\windows\\system.ini",
    "a/b\\c:d.txt",
    ".",
    "..",
    '"; filename="other.exe',
    "a'b''c%0d%0aX: y.txt",
    "<img src=x onerror=alert(1)>.html",
    "x" * 296 + ".pdf",
    "漢" * 100 + ".txt",
    "Öl, roh.txt",
]
"""Names as hostile clients and strangers' archives have them; with and without control, direction
and separator characters; the two long ones have 300 and 304 bytes."""


@pytest.mark.parametrize("name", NAMES)
def test_name_in_content_disposition_stays_one_value(name: str) -> None:
    value = attachment(name)["Content-Disposition"]
    assert value.isascii()
    assert value.isprintable()
    message = Message()
    message["Content-Disposition"] = value
    assert message.get_content_disposition() == "attachment"
    assert len(message.get_params(header="Content-Disposition") or ()) == 3
    assert unquote(value.partition("filename*=UTF-8''")[2]) == name


@pytest.mark.parametrize("name", NAMES)
def test_name_in_an_error_stays_on_one_line(name: str) -> None:
    assert bounded(f"{name} is gone.").isprintable()


@pytest.mark.parametrize("name", NAMES)
async def test_upload_with_any_name_is_stored_or_rejected_and_forges_no_log_line(
    api_server: ApiServer, api: httpx.AsyncClient, name: str
) -> None:
    before = len(api_server.log.read_bytes())
    fields = {"purpose": "parse", "external_file_id": name}
    made = await api.post("/api/v1/beta/files", files={"file": (name, b"x")}, data=fields)
    assert made.status_code in (201, 422), made.text
    assert "set-cookie" not in made.headers
    if made.status_code == 201:
        path = f"/api/v1/beta/files/{made.json()['id']}/content"
        answer = await api.get((await api.get(path)).json()["url"])
        assert answer.content == b"x"
        assert "set-cookie" not in answer.headers
        assert answer.headers["content-disposition"].startswith("attachment;")
    for line in api_server.log.read_bytes()[before:].splitlines():
        assert isinstance(json.loads(line), dict)
