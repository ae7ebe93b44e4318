"""Answers of the server while the object store is unavailable or a client disconnects."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.api.steps import all_items, make_directory, ok
from tests.fixtures.api import ApiServer
from tests.fixtures.proxies import tcp_proxy


async def test_unavailable_store_returns_503_and_leaves_no_partial_write(
    tmp_path: Path, s3_endpoint: str, s3_url: str
) -> None:
    async with tcp_proxy(s3_endpoint) as (address, _):
        environment = {
            "DOCMILL_STORE_URL": s3_url,
            "AWS_ENDPOINT": f"http://{address}",
            "AWS_ALLOW_HTTP": "true",
        }
        server = ApiServer(tmp_path / "home", **environment)
    with server:  # the way to the store has just been closed
        async with httpx.AsyncClient(base_url=server.url, timeout=90) as api:
            directory = await make_directory(api)
            path = f"/api/v1/beta/directories/{directory['id']}/files"
            answer = await api.post(f"{path}/upload", files={"upload_file": ("a.txt", b"a")})
            assert answer.status_code == 503
            assert 0 < float(answer.headers["retry-after"]) <= 60
            assert s3_url not in answer.text
            assert await all_items(api, path) == []
            assert await all_items(api, "/api/v1/beta/files") == []
            ready = await api.get("/readyz")
            assert ready.status_code == 503
            assert ready.json()["checks"]["object_store"] != "ok"
            assert ready.json()["checks"]["database"] == "ok"
            assert (await ok(await api.get("/healthz")))["status"] == "ok"


async def test_client_that_disconnects_during_an_upload_leaves_no_file(
    api: httpx.AsyncClient, api_server: ApiServer
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="half"\r\n\r\n'
        yield b"x" * (2 << 20)
        raise ConnectionAbortedError

    before = await all_items(api, "/api/v1/beta/files")
    with pytest.raises(ConnectionAbortedError):
        await api.post(
            "/api/v1/beta/files",
            content=broken(),
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )
    assert await all_items(api, "/api/v1/beta/files") == before
    assert "api.unexpected" not in api_server.log.read_text()
