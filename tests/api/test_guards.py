"""Who may call, and how much may be sent."""

import httpx
import pytest


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "192.168.0.7", "[::2]", "["])
async def test_a_host_that_dns_rebinding_brings_here_is_refused(
    api: httpx.AsyncClient, host: str
) -> None:
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
