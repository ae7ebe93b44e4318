"""Requests with API keys: validity, roles and expiry."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from docmill.api.app import create_app
from docmill.api.core.access import READING_POSTS, is_open, needed_role
from docmill.contracts.access import Role
from docmill.records.api_keys import ApiKeys
from docmill.records.database import Database
from docmill.records.tables.base import now
from docmill.settings import Settings
from tests.fixtures.api import ApiServer
from tests.fixtures.keys import Team, make_team
from tests.records.everywhere import found_everywhere

pytestmark = pytest.mark.integration
PROJECTS = "/api/v1/projects"
DIRECTORIES = "/api/v1/beta/directories"


@pytest.fixture(scope="module")
def keyed_server(
    tmp_path_factory: pytest.TempPathFactory, server_database: dict[str, str]
) -> Iterator[ApiServer]:
    """A server that demands keys."""
    home = tmp_path_factory.mktemp("keyed")
    with ApiServer(home, DOCMILL_AUTH="keys", **server_database) as server:
        yield server


@pytest.fixture
async def records(keyed_server: ApiServer) -> AsyncIterator[Database]:
    database = keyed_server.records()
    yield database
    await database.close()


def _client(server: ApiServer, team: Team | None = None) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server.url, headers=team.headers if team else {}, timeout=30)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer any", "Basic dml_a_b", f"Bearer dml_{'a' * 12}_{'b' * 43}"],
)
async def test_request_without_a_valid_key_returns_401(
    keyed_server: ApiServer, header: str
) -> None:
    async with _client(keyed_server) as client:
        answer = await client.get(PROJECTS, headers={"Authorization": header} if header else {})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert set(answer.json()) == {"detail", "hint"}
        for path in ("/healthz", "/docs", "/openapi.json", "/api/v2/parse/versions"):
            assert (await client.get(path)).status_code == 200


def test_every_operation_except_the_listed_ones_needs_a_key() -> None:
    paths = create_app(Settings()).openapi()["paths"]
    opened = {path for path in paths if is_open(path)}
    links = {path for path in paths if path.startswith("/api/docmill/v1/content/")}
    assert opened == links | {"/healthz", "/readyz", "/api/v2/parse/versions"}
    assert set(paths) >= READING_POSTS
    needed = {
        needed_role(method, path) for path, some in paths.items() for method in map(str.upper, some)
    }
    assert needed == {Role.READ, Role.WRITE}, "say in keys-and-projects.md what admin adds"


async def test_wrong_secret_of_a_known_key_returns_401(
    keyed_server: ApiServer, records: Database
) -> None:
    team = await make_team(records)
    wrong = team.key[:-1] + ("a" if team.key[-1] != "a" else "b")
    async with _client(keyed_server, team) as client:
        assert (await client.get(PROJECTS)).status_code == 200
        answer = await client.get(PROJECTS, headers={"Authorization": f"Bearer {wrong}"})
        assert answer.status_code == 401


async def test_read_only_key_cannot_change_anything(
    keyed_server: ApiServer, records: Database
) -> None:
    reader, writer = [await make_team(records, role=role) for role in (Role.READ, Role.WRITE)]
    async with _client(keyed_server, reader) as client:
        assert (await client.get(DIRECTORIES)).status_code == 200
        assert (await client.post("/api/v1/beta/files/query", json={})).status_code == 200
        refused = await client.post(DIRECTORIES, json={"name": "d"})
        assert (refused.status_code, set(refused.json())) == (403, {"detail", "hint"})
    async with _client(keyed_server, writer) as client:
        assert (await client.post(DIRECTORIES, json={"name": "d"})).status_code == 201


async def test_expired_or_revoked_key_returns_401(
    keyed_server: ApiServer, records: Database
) -> None:
    expired = await make_team(records, expires_at=now() - timedelta(seconds=1))
    revoked = await make_team(records)
    async with _client(keyed_server, expired) as client:
        assert (await client.get(PROJECTS)).status_code == 401
    async with _client(keyed_server, revoked) as client:
        assert (await client.get(PROJECTS)).status_code == 200
        async with records.write() as session:
            await ApiKeys(session).revoke(revoked.key_id)
        while (await client.get(PROJECTS)).status_code == 200:  # the process asks again soon
            await asyncio.sleep(0.2)
        assert (await client.get(PROJECTS)).status_code == 401


async def test_rotated_key_stays_valid_for_its_overlap(
    keyed_server: ApiServer, records: Database
) -> None:
    old = await make_team(records)
    async with records.write() as session:
        new = await ApiKeys(session).rotate(old.key_id, timedelta(minutes=5))
        again = await ApiKeys(session).rotate(new.row.id, timedelta())
    for key, status in ((old.key, 200), (new.text, 401), (again.text, 200)):
        async with _client(keyed_server) as client:
            answer = await client.get(PROJECTS, headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == status


async def test_last_use_of_a_key_is_written_once_a_minute(
    keyed_server: ApiServer, records: Database
) -> None:
    team = await make_team(records)
    async with _client(keyed_server, team) as client:
        for _ in range(3):
            await client.get(PROJECTS)
    async with records.read() as session:
        first = (await ApiKeys(session).get(team.key_id)).last_used_at
    assert first is not None
    async with records.write() as session:
        await ApiKeys(session).used(team.key_id)
    async with records.read() as session:
        assert (await ApiKeys(session).get(team.key_id)).last_used_at == first


async def test_home_and_records_contain_no_secret(
    keyed_server: ApiServer, records: Database
) -> None:
    team = await make_team(records)
    secret = team.key.rpartition("_")[2].encode()
    async with _client(keyed_server, team) as client:
        await client.get(PROJECTS)
    held = [path for path in keyed_server.home.rglob("*") if path.is_file()]
    assert not [path for path in held if secret in path.read_bytes()]
    assert not await found_everywhere(records, secret.decode())


async def test_first_key_makes_keys_mandatory_permanently(
    tmp_path: Path, migrated_url: str
) -> None:
    home = tmp_path / "home"
    with ApiServer(home, DOCMILL_DATABASE_URL=migrated_url) as server:
        database = server.records()
        async with _client(server) as client:
            assert (await client.get(PROJECTS)).status_code == 200
            team = await make_team(database)
            while (await client.get(PROJECTS)).status_code == 200:
                await asyncio.sleep(0.2)
            assert (await client.get(PROJECTS, headers=team.headers)).status_code == 200
    async with database.write() as session:
        await ApiKeys(session).revoke(team.key_id)
    await database.close()
    with ApiServer(home, DOCMILL_DATABASE_URL=migrated_url) as server:
        async with _client(server, team) as client:
            assert (await client.get(PROJECTS)).status_code == 401


def test_server_without_keys_listens_on_loopback_only(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="loopback only"):
        ApiServer(tmp_path, arguments=("--host", "0.0.0.0"))


def test_server_with_keys_listens_on_the_configured_address(tmp_path: Path) -> None:
    with ApiServer(tmp_path, arguments=("--host", "0.0.0.0"), DOCMILL_AUTH="keys") as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        elsewhere = {"Host": "docmill.example"}
        assert httpx.get(f"{url}/healthz", headers=elsewhere).status_code == 200
        assert httpx.get(f"{url}{PROJECTS}", headers=elsewhere).status_code == 401
