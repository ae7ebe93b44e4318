"""Who may call, and how much may be sent."""

import asyncio
from pathlib import Path

import httpx
import pytest
import uvicorn

from docmill.api.app import create_app
from docmill.embedded.addresses import free_port
from docmill.settings import load_settings


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "192.168.0.7", "[::2]", "["])
async def test_host_header_of_dns_rebinding_is_rejected(api: httpx.AsyncClient, host: str) -> None:
    answer = await api.get("/api/v1/projects", headers={"Host": host})
    assert answer.status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:1", "null"])
async def test_a_page_of_another_origin_is_refused(api: httpx.AsyncClient, origin: str) -> None:
    answer = await api.post("/api/v1/beta/directories", headers={"Origin": origin}, json={})
    assert answer.status_code == 403


async def test_the_servers_own_page_is_served(api: httpx.AsyncClient) -> None:
    own = str(api.base_url).rstrip("/")
    assert (await api.get("/api/v1/projects", headers={"Origin": own})).status_code == 200
    assert (await api.get("/docs")).status_code == 200


async def test_a_body_above_the_limit_is_413(api: httpx.AsyncClient) -> None:
    answer = await api.post(
        "/api/v1/beta/webhook-configs",
        content=b'"' + b"x" * (17 * 1024 * 1024) + b'"',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 413


async def test_nul_in_an_address_is_404(api: httpx.AsyncClient) -> None:
    assert (await api.get("/api/v1/projects/a%00b")).status_code == 404
    assert (await api.get("/api/v2/projects?name=%00")).status_code == 404


@pytest.mark.integration
async def test_connection_goes_on_after_an_unexpected_error(tmp_path: Path) -> None:
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
