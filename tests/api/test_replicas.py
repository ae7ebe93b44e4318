"""Signed links: API processes verify each other's, and their key can be replaced at any time."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import Request

from docmill.api.core.links import Links
from docmill.errors import NotFoundError
from docmill.records.database import Database
from docmill.records.link_keys import LinkKeys
from docmill.records.scope import EVERY_PROJECT
from docmill.settings import Settings
from tests.api.steps import ok
from tests.cli.starting import ROOT, Cli
from tests.fixtures.api import ApiServer
from tests.fixtures.keys import SECRET_KEY

pytestmark = pytest.mark.integration

KILLED = """
import os, signal, sys
from sqlalchemy.ext.asyncio import AsyncSession
from docmill.cli.app import main
from docmill.records.link_keys import LinkKeys

rotate, commit = LinkKeys.rotate, AsyncSession.commit
place = sys.argv.pop(1)

async def die(session):
    if place == "after":
        await commit(session)
    os.kill(os.getpid(), signal.SIGKILL)

async def rotate_and_die(self, **options):
    key = await rotate(self, **options)
    AsyncSession.commit = die
    return key

LinkKeys.rotate = rotate_and_die
main()
"""
"""The command line, killed just before or just after it commits a new key of links."""


@pytest.fixture
def replicas(tmp_path: Path, migrated_postgres_url: str) -> Iterator[list[ApiServer]]:
    """Two API processes with homes of their own over one database and one store."""
    shared = {
        "DOCMILL_DATABASE_URL": migrated_postgres_url,
        "DOCMILL_STORE_URL": (tmp_path / "objects").as_uri(),
    }
    with ExitStack() as stack:
        yield [stack.enter_context(ApiServer(tmp_path / name, **shared)) for name in ("one", "two")]


async def _link(server: ApiServer, file_id: str) -> str:
    """Return a new link to a file, without the address of the server that made it."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as api:
        made = await ok(await api.get(f"/api/v1/beta/files/{file_id}/content"))
    url = urlsplit(made["url"])
    return f"{url.path}?{url.query}"


async def _status(server: ApiServer, link: str) -> int:
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as anyone:
        return (await anyone.get(link)).status_code


def _key_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["key"][0]


async def test_links_of_each_process_are_valid_at_all_until_their_key_is_revoked(
    replicas: list[ApiServer], tmp_path: Path
) -> None:
    one, two = replicas
    cli = Cli(one.home, tmp_path, {**one.environment})
    sent: dict[str, Any] = {"files": {"file": ("a", b"a")}, "data": {"purpose": "parse"}}
    async with httpx.AsyncClient(base_url=one.url, timeout=30) as api:
        file_id = (await ok(await api.post("/api/v1/beta/files", **sent), 201))["id"]
    first = await _link(one, file_id)
    assert [await _status(server, first) for server in replicas] == [200, 200]

    new_key = cli.json("keys", "rotate-links")["id"]
    while _key_of(second := await _link(one, file_id)) != new_key:  # cached for five seconds
        await asyncio.sleep(0.2)

    assert _key_of(first) != new_key
    for link in (second, first):  # the other process need not have read the new key before
        assert [await _status(server, link) for server in reversed(replicas)] == [200, 200]

    cli.json("keys", "rotate-links", "--revoke")
    for server in replicas:
        while await _status(server, second) == 200:
            await asyncio.sleep(0.2)
        assert [await _status(server, link) for link in (first, second)] == [404, 404]
    third = await _link(two, file_id)
    assert [await _status(server, third) for server in replicas] == [200, 200]


@pytest.mark.parametrize(("place", "revoked"), [("before", False), ("after", True)])
async def test_killed_replacement_of_the_key_leaves_links_that_work(
    tmp_path: Path, migrated_url: str, place: str, revoked: bool
) -> None:
    database = Database(migrated_url, EVERY_PROJECT, secret_keys=SECRET_KEY)
    async with database.write() as session:
        await LinkKeys(session).ensure()
    before = _Signer(database)
    old = await before.sign()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DOCMILL_HOME": str(tmp_path / "home"),
        "DOCMILL_DATABASE_URL": migrated_url,
        "DOCMILL_SECRET_KEY": SECRET_KEY,
    }
    command = [sys.executable, "-c", KILLED, place, "keys", "rotate-links", "--revoke"]

    done = await asyncio.to_thread(subprocess.run, command, env=environment, check=False)

    assert done.returncode == -signal.SIGKILL
    after = _Signer(database)
    assert await after.accepts(old) is not revoked
    new = await after.sign()
    assert (_key_of(new) == _key_of(old)) is not revoked
    assert await after.accepts(new)
    async with database.write() as session:
        await LinkKeys(session).rotate(revoke=True)
    assert not await _Signer(database).accepts(new)
    await database.close()


class _Signer:
    """The links of an API process that has just started."""

    def __init__(self, database: Database) -> None:
        self._links = Links(database, Settings(public_url="https://docmill.example"))

    async def sign(self) -> str:
        """Return a new link."""
        await self._links.refresh()
        return self._links.make(Request({"type": "http"}), "prj-a", "files", "file-a").url

    async def accepts(self, link: str) -> bool:
        """Return whether a link is valid."""
        await self._links.refresh()
        query = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
        signed = {"key_id": query["key"], "signature": query["signature"]}
        try:
            self._links.check("prj-a", "files", "file-a", expires=int(query["expires"]), **signed)
        except NotFoundError:
            return False
        return True
