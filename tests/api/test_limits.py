"""Limits of a project, over HTTP and with the official client."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from docmill.contracts.access import Limits
from docmill.settings import MIB
from tests.api.steps import make_directory, ok, upload
from tests.fixtures.api import ApiServer
from tests.fixtures.keys import Team, make_team
from tests.fixtures.sdks import Sdk

pytestmark = pytest.mark.timeout(200)


@pytest.fixture(scope="module")
def limited_server(
    tmp_path_factory: pytest.TempPathFactory, server_database: dict[str, str]
) -> Iterator[ApiServer]:
    home = tmp_path_factory.mktemp("limited")
    with ApiServer(home, DOCMILL_AUTH="keys", **server_database) as server:
        yield server


async def _team(server: ApiServer, limits: Limits) -> Team:
    database = server.records()
    try:
        return await make_team(database, None, limits=limits)
    finally:
        await database.close()


@pytest.mark.acceptance
async def test_official_client_retries_rate_limits_but_not_quotas(
    limited_server: ApiServer, latest_sdk: Sdk
) -> None:
    limits = Limits(requests_per_second=4, burst=2, max_stored_bytes=MIB)
    team = await _team(limited_server, limits)

    answer = latest_sdk.run("limits.py", limited_server.url, team.key)

    assert 429 in answer["listed"]
    assert answer["listed"].count(200) == 4
    assert answer["uploaded"][-1] == 429
    assert "may store 1 MiB" in answer["refused"]
    assert answer["uploaded"].count(429) <= 2  # of the rate, then of the bytes: not asked again


@pytest.mark.integration
async def test_uploads_and_open_batches_are_limited(limited_server: ApiServer) -> None:
    team = await _team(limited_server, Limits(max_upload_bytes=MIB, max_open_batches=1))
    async with httpx.AsyncClient(
        base_url=limited_server.url, headers=team.headers, timeout=30
    ) as api:
        large: dict[str, Any] = {
            "files": {"file": ("a", bytes(MIB + 1))},
            "data": {"purpose": "parse"},
        }
        refused = await api.post("/api/v1/beta/files", **large)
        assert (refused.status_code, refused.json()["hint"][:22]) == (413, "It is the project's li")
        directory = (await make_directory(api))["id"]
        await upload(api, directory, "a.txt", b"a")
        job = {"type": "parse_v2", "configuration_id": "cfg-PARSE_FAST"}
        body = {"source_directory_id": directory, "config": {"job": job}}
        await ok(await api.post("/api/v2/batches", json=body), 201)
        second = await api.post("/api/v2/batches", json=body)
        assert second.status_code == 429
        assert 0 < float(second.headers["retry-after"]) <= 60
        assert "x-should-retry" not in second.headers
