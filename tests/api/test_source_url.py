"""Parse jobs over a URL: rejected early by its text, else created before the fetch."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.steps import all_items, ok
from tests.fixtures.api import ApiServer
from tests.fixtures.running import RunningDocmill
from tests.fixtures.sdks import Sdk
from tests.fixtures.web import Page, WebServer

PARSE = "/api/v2/parse"
FAST = {"tier": "fast", "version": "latest"}


async def create(api: httpx.AsyncClient, url: str, **fields: Any) -> httpx.Response:
    return await api.post(PARSE, json={"source_url": url, **FAST, **fields})


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.pdf",
        "http://0x7f.1/",
        "https://user:s3cret@example.com/a.pdf",
        "http://169.254.169.254/latest/meta-data",
        "http:",
        "ftp://example.com/a.pdf",
        "HTTP://[::1]/",
    ],
)
async def test_url_with_a_private_address_returns_422(api: httpx.AsyncClient, url: str) -> None:
    answer = await create(api, url)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "source_url"]
    assert "s3cret" not in answer.text


async def test_url_job_is_pending_and_named_after_its_document(
    api: httpx.AsyncClient, api_server: ApiServer
) -> None:
    job = await ok(await create(api, "https://files.example.com/in/a%20b.pdf?sig=s3cret"))
    assert (job["name"], job["status"], job["tier"]) == ("a b.pdf", "PENDING", "fast")
    shown = await api.get(f"{PARSE}/{job['id']}")
    assert shown.json()["job"] == job
    assert "s3cret" not in shown.text
    assert "s3cret" not in api_server.log.read_text()


async def test_repeated_create_makes_one_job(api: httpx.AsyncClient) -> None:
    url = "https://files.example.com/again.pdf"
    jobs = [
        await ok(
            await api.post(
                PARSE, json={"source_url": url, **FAST}, headers={"Idempotency-Key": "url-again"}
            )
        )
        for _ in range(2)
    ]
    assert jobs[0]["id"] == jobs[1]["id"]


async def test_proxy_returns_422_unless_the_operator_configured_it(
    api: httpx.AsyncClient, tmp_path: Path
) -> None:
    url, proxy = "https://files.example.com/a.pdf", "http://proxy.example.com:3128"
    answer = await create(api, url, http_proxy=proxy)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "http_proxy"]
    assert "DOCMILL_FETCH_PROXIES" in answer.json()["hint"]
    with ApiServer(tmp_path / "home", DOCMILL_FETCH_PROXIES=proxy) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as named:
            assert (await create(named, url, http_proxy=proxy)).status_code == 200
            assert (await create(named, url, http_proxy=f"{proxy}1")).status_code == 422


async def test_fetched_document_becomes_a_file_of_the_project(
    live: httpx.AsyncClient, web: WebServer
) -> None:
    web.serve("/report.md", Page(b"# Report\n\nFrom the web.\n"))
    job = await ok(await create(live, f"{web.url}/report.md?sig=s3cret"))
    while job["status"] in ("PENDING", "RUNNING"):
        job = (await ok(await live.get(f"{PARSE}/{job['id']}")))["job"]
    assert (job["status"], job["error_message"]) == ("COMPLETED", None)
    files = [
        one for one in await all_items(live, "/api/v1/beta/files") if one["name"] == "report.md"
    ]
    again = await ok(await live.post(PARSE, json={"file_id": files[0]["id"], **FAST}))
    while again["status"] in ("PENDING", "RUNNING"):
        again = (await ok(await live.get(f"{PARSE}/{again['id']}")))["job"]
    assert again["status"] == "COMPLETED"
    assert web.counts() == {"/report.md": 1}


def test_official_client_parses_a_url(
    running: RunningDocmill, python_sdk: Sdk, web: WebServer
) -> None:
    url = web.serve("/note.md", Page(b"# Note\n\nFrom the web, for the client.\n"))
    gone = f"{web.url}/gone.pdf"
    answer = python_sdk.run("parse_url.py", running.url, f"{url}?sig=s3cret", f"{gone}?sig=s3cret")
    assert answer["good"]["job"]["status"] == "COMPLETED"
    assert answer["good"]["job"]["name"] == "note.md"
    assert "for the client" in answer["good"]["markdown"]
    assert answer["gone"]["job"]["status"] == "FAILED"
    assert answer["gone"]["job"]["error_message"] == "127.0.0.1 answered 404."
    for path in running.home.rglob("*.log"):
        assert b"s3cret" not in path.read_bytes(), path
