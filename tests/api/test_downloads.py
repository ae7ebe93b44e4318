"""Downloads: ranges, HEAD, file names, and the addresses of links."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from docmill.settings import MIB
from tests.fixtures.api import ApiServer

CONTENT = bytes(range(256)) * 20
NAME = "Öl, roh.txt"


async def _link(api: httpx.AsyncClient, **headers: str) -> str:
    made = await api.post(
        "/api/v1/beta/files", files={"file": (NAME, CONTENT)}, data={"purpose": "parse"}
    )
    path = f"/api/v1/beta/files/{made.json()['id']}/content"
    return str((await api.get(path, headers=headers)).json()["url"])


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=5000-", 5000, len(CONTENT)),
        ("bytes=-7", len(CONTENT) - 7, len(CONTENT)),
        ("bytes=-999999", 0, len(CONTENT)),
        ("bytes=100-999999", 100, len(CONTENT)),
    ],
)
async def test_range_request_returns_a_part(
    api: httpx.AsyncClient, asked: str, first: int, end: int
) -> None:
    answer = await api.get(await _link(api), headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == CONTENT[first:end]
    assert answer.headers["content-range"] == f"bytes {first}-{end - 1}/{len(CONTENT)}"
    assert int(answer.headers["content-length"]) == end - first


@pytest.mark.parametrize("asked", ["bytes=9-1", "bytes=-", "lines=1-2", "bytes=0-1,5-6", "x"])
async def test_invalid_range_returns_the_whole_file(api: httpx.AsyncClient, asked: str) -> None:
    answer = await api.get(await _link(api), headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("asked", [f"bytes={len(CONTENT)}-", "bytes=-0"])
async def test_range_beyond_the_end_returns_416(api: httpx.AsyncClient, asked: str) -> None:
    answer = await api.get(await _link(api), headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"


async def test_conditional_range_returns_the_whole_file(
    api: httpx.AsyncClient,
) -> None:
    headers = {"Range": "bytes=0-1", "If-Range": '"x"'}
    assert (await api.get(await _link(api), headers=headers)).content == CONTENT


async def test_head_returns_the_headers_of_get(api: httpx.AsyncClient) -> None:
    link = await _link(api)
    head, get = await api.head(link), await api.get(link)
    assert head.content == b""
    ignored = {"date"}
    assert {k: v for k, v in head.headers.items() if k not in ignored} == {
        k: v for k, v in get.headers.items() if k not in ignored
    }


async def test_download_has_a_plain_and_an_extended_name(api: httpx.AsyncClient) -> None:
    said = (await api.get(await _link(api))).headers["content-disposition"]
    assert said == "attachment; filename=\"_l, roh.txt\"; filename*=UTF-8''%C3%96l%2C%20roh.txt"


async def test_oversized_body_is_rejected_in_json(api: httpx.AsyncClient) -> None:
    answer = await api.post(
        "/api/v1/beta/directories",
        content=b'{"name":"' + b"a" * (17 * MIB) + b'"}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 413
    assert "too large" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host", "Forwarded"])
async def test_request_headers_do_not_change_download_links(
    api: httpx.AsyncClient, name: str
) -> None:
    said = "localhost:1" if name == "Host" else "a.example"
    link = await _link(api, **{name: said, "X-Forwarded-Proto": "https"})
    assert link.startswith(str(api.base_url).rstrip("/") + "/api/docmill/")


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server whose operator said its public address."""
    home: Path = tmp_path_factory.mktemp("public")
    said = {"DOCMILL_PUBLIC_URL": "https://api.example.com"}
    with ApiServer(home, **said) as server, httpx.Client(base_url=server.url) as client:
        yield client


@pytest.mark.integration
def test_public_url_is_the_base_of_download_links(public: httpx.Client) -> None:
    made = public.post(
        "/api/v1/beta/files", files={"file": ("a", b"x")}, data={"purpose": "parse"}
    ).json()
    through = {
        "Host": "api.example.com",
        "Origin": "https://api.example.com",
        "X-Forwarded-Host": "evil.example",
    }
    answer = public.get(f"/api/v1/beta/files/{made['id']}/content", headers=through)
    assert answer.status_code == 200
    assert answer.json()["url"].startswith("https://api.example.com/api/docmill/v1/content/")
    assert public.get("/api/v1/projects", headers={"Host": "evil.example"}).status_code == 403
