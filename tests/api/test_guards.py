"""Which requests are accepted, and how large they may be."""

import asyncio
import functools
from pathlib import Path

import httpx
import pytest
import uvicorn

from docmill.api.app import create_app
from docmill.embedded.addresses import free_port
from docmill.settings import load_settings
from tests.fixtures.api import ApiServer


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "192.168.0.7", "[::2]", "["])
async def test_host_header_of_dns_rebinding_is_rejected(api: httpx.AsyncClient, host: str) -> None:
    answer = await api.get("/api/v1/projects", headers={"Host": host})
    assert answer.status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:1", "null"])
async def test_request_from_another_origin_is_rejected(api: httpx.AsyncClient, origin: str) -> None:
    answer = await api.post("/api/v1/beta/directories", headers={"Origin": origin}, json={})
    assert answer.status_code == 403


async def test_request_from_the_same_origin_is_accepted(api: httpx.AsyncClient) -> None:
    own = str(api.base_url).rstrip("/")
    assert (await api.get("/api/v1/projects", headers={"Origin": own})).status_code == 200
    assert (await api.get("/docs")).status_code == 200


async def test_body_above_the_limit_returns_413(api: httpx.AsyncClient) -> None:
    answer = await api.post(
        "/api/v1/beta/webhook-configs",
        content=b'"' + b"x" * (17 * 1024 * 1024) + b'"',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "headers", [[("X-A", "a" * 40_000)], [(f"X-{number}", "a" * 100) for number in range(400)]]
)
async def test_headers_above_the_limit_return_431(
    api: httpx.AsyncClient, headers: list[tuple[str, str]]
) -> None:
    answer = await api.get("/nowhere", headers=headers)
    assert answer.status_code == 431


async def test_json_with_too_many_values_returns_422(api: httpx.AsyncClient) -> None:
    parameters = {"product_type": "unknown", "x": [[1] * 100] * 4_000}
    body = {"name": "wide", "parameters": parameters}
    answer = await api.post("/api/v1/beta/configurations", json=body)
    assert answer.status_code == 422
    assert "400,000 values" in answer.text


@pytest.mark.parametrize("levels", [65, 100_000])
async def test_deeply_nested_json_is_rejected(api: httpx.AsyncClient, levels: int) -> None:
    deep = "[" * levels + "]" * levels
    body = '{"name": "x", "parameters": {"product_type": "unknown", "x": ' + deep + "}}"
    headers = {"Content-Type": "application/json"}
    answer = await api.post("/api/v1/beta/configurations", content=body, headers=headers)
    assert answer.status_code in (400, 422)


async def test_form_with_too_many_parts_returns_413(api: httpx.AsyncClient) -> None:
    fields = {f"field {number}": "" for number in range(98)}
    send = functools.partial(api.post, "/api/v1/beta/files", files={"file": ("a", b"a")})
    assert (await send(data={"purpose": "parse", **fields})).status_code == 201
    refused = await send(data={"purpose": "parse", **fields, "one more": ""})
    assert refused.status_code == 413
    assert refused.json()["detail"] == "The form has more than 100 parts."


async def test_form_with_too_much_text_returns_413(api: httpx.AsyncClient) -> None:
    half = "a" * (600 * 1024)
    files = {"file": ("a", b"a")}
    refused = await api.post("/api/v1/beta/files", files=files, data={"a": half, "b": half})
    assert refused.status_code == 413
    assert refused.json()["detail"] == "The form's text fields are larger than 1 MiB."


async def test_slow_uploads_hold_no_database_connection(api: httpx.AsyncClient) -> None:
    await _work_beside_slow_uploads(api)


async def test_slow_uploads_hold_no_connection_to_postgres(
    tmp_path: Path, migrated_postgres_url: str
) -> None:
    with ApiServer(tmp_path / "home", DOCMILL_DATABASE_URL=migrated_postgres_url) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as api:
            await _work_beside_slow_uploads(api)


async def _work_beside_slow_uploads(api: httpx.AsyncClient) -> None:
    uploads = 30  # more than all connections that a process has to either database
    writers = []
    for _ in range(uploads):
        reader, writer = await asyncio.open_connection(api.base_url.host, api.base_url.port)
        writers.append(writer)
        writer.write(
            b"POST /api/v1/beta/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\nExpect: 100-continue\r\n\r\n"
        )
        assert b" 100 " in await reader.readline(), "the server waits for the body"
        writer.write(b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx')
    try:
        made = await api.post("/api/v1/beta/directories", json={"name": "meanwhile"})
        assert made.status_code == 201
        assert (await api.get("/api/v1/beta/directories")).status_code == 200
    finally:
        for writer in writers:
            writer.close()
            await writer.wait_closed()


async def test_nul_in_a_path_returns_404(api: httpx.AsyncClient) -> None:
    assert (await api.get("/api/v1/projects/a%00b")).status_code == 404
    assert (await api.get("/api/v2/projects?name=%00")).status_code == 404


@pytest.mark.integration
async def test_connection_stays_open_after_an_unexpected_error(tmp_path: Path) -> None:
    app = create_app(load_settings(home=tmp_path))

    @app.post("/boom")
    async def boom() -> None:
        raise RuntimeError("a bug")

    config = uvicorn.Config(app, port=free_port(), log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0.02)
        reader, writer = await asyncio.open_connection("127.0.0.1", config.port)
        writer.write(b"POST /boom HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
        first = await reader.readuntil(b'log."}')
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        second = await reader.readuntil(b"\r\n")
        writer.close()
        await writer.wait_closed()
    finally:
        server.should_exit = True
        await serving

    assert first.startswith(b"HTTP/1.1 500 ")
    assert second == b"HTTP/1.1 200 OK\r\n"
