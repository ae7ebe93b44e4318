"""The commands keys and projects, from their arguments to their output and exit code.

They start no process and use no server, so they run in the process of the test.
"""

import asyncio
import functools
import gc
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import select

from docmill.cli import app, projects
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.api_keys import ApiKeys, KnownKey, digest_of, is_live, parts_of
from docmill.records.database import Session
from docmill.records.projects import Projects
from docmill.records.tables.access import AuditEvent, LinkKey
from docmill.records.tables.base import now
from docmill.upkeep.projects import delete_project
from tests.fixtures.keys import records_of

T = TypeVar("T")
USAGE = 2


@dataclass(frozen=True)
class Typed:
    """What a command printed, and its exit code."""

    code: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        """The printed JSON object."""
        return json.loads(self.output)


@dataclass(frozen=True)
class Terminal:
    """Types commands on one home."""

    home: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> Typed:
        """Run one command."""
        self.monkeypatch.setattr(sys, "argv", ["starter.py", *words, "--home", str(self.home)])
        self.capsys.readouterr()
        code = app._run()
        printed = self.capsys.readouterr()
        return Typed(int(code), printed.out, printed.err)

    def new(self, *words: str) -> Any:
        """Run a command with --json that must succeed, and return what it printed."""
        done = self(*words, "--json")
        assert done.code == 0, done.errors
        return done.json

    def read(self, query: Callable[[Session], Awaitable[T]]) -> T:
        """Return what a query finds in the records."""

        async def run() -> T:
            database = records_of(self.home)
            async with database.read() as session:
                found = await query(session)
            await database.close()
            return found

        return asyncio.run(run())

    def known(self, key_id: str) -> KnownKey | None:
        """Return the row of a key, with its project."""
        return self.read(lambda session: ApiKeys(session).find(key_id))

    def audited(self) -> list[tuple[str, str, list[str]]]:
        """Return project, action and objects of all rows of the audit log, oldest first."""

        async def query(session: Session) -> list[tuple[str, str, list[str]]]:
            rows = await session.scalars(select(AuditEvent).order_by(AuditEvent.number))
            return [(row.project_id, row.action, row.objects) for row in rows]

        return self.read(query)


@pytest.fixture
def terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Terminal]:
    for name in ("DOCMILL_DATABASE_URL", "DOCMILL_SECRET_KEY", "DOCMILL_LOG_FORMAT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(projects, "delete_project", functools.partial(delete_project, settle=0))
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield Terminal(tmp_path / "home", monkeypatch, capsys)
    root.handlers, root.level = handlers, level
    gc.unfreeze()


def test_created_key_is_printed_once_and_only_its_digest_is_stored(terminal: Terminal) -> None:
    done = terminal("keys", "create", "--name", "laptop", "--role", "admin")

    assert done.code == 0
    key, *words = done.output.splitlines()
    parts = parts_of(key)
    assert parts is not None
    assert "shown only once" in words[0]
    assert "demands a key of every request, for good" in words[1]
    known = terminal.known(parts[0])
    assert known is not None
    assert (known.key.name, known.key.role, known.project.id) == (
        "laptop",
        "admin",
        DEFAULT_PROJECT_ID,
    )
    assert known.key.digest == digest_of(*parts)
    again = terminal("keys", "create")
    assert "for good" not in again.output
    listed = terminal("keys", "list")
    assert parts[1] not in again.output + listed.output + again.errors + listed.errors


def test_keys_are_listed_with_their_state(terminal: Terminal) -> None:
    team = terminal.new("projects", "create", "Team")["id"]
    ids = [
        terminal.new("keys", "create", "--project", team, "--name", name, *more)["id"]
        for name, more in (("one", ()), ("two", ("--expires-days", "2")), ("three", ()))
    ]
    terminal.new("keys", "create")
    assert terminal("keys", "revoke", ids[2]).code == 0

    keys = terminal.new("keys", "list", "--project", team)["keys"]

    assert [key["id"] for key in keys] == ids
    assert all("key" not in key and "digest" not in key for key in keys)
    assert [key["revoked_at"] is not None for key in keys] == [False, False, True]
    expiry = terminal.known(ids[1])
    assert expiry is not None
    assert expiry.key.expires_at is not None
    assert timedelta(days=1) < expiry.key.expires_at - now() < timedelta(days=3)
    assert len(terminal.new("keys", "list")["keys"]) == 4
    table = terminal("keys", "list").output.splitlines()
    assert len(table) == 5
    assert sum("revoked" in line for line in table) == 1
    assert terminal("keys", "list", "--project", "prj-none").output == "No keys.\n"


def test_rotated_key_has_a_successor_and_ends_after_the_overlap(terminal: Terminal) -> None:
    old = terminal.new("keys", "create", "--name", "n", "--role", "read")
    new = terminal.new("keys", "rotate", old["id"], "--overlap-minutes", "0")

    assert (new["name"], new["role"]) == ("n", "read")
    assert new["key"] != old["key"]
    rows = [terminal.known(key["id"]) for key in (old, new)]
    assert [is_live(row.key, now()) for row in rows if row] == [False, True]
    assert terminal("keys", "revoke", new["id"]).code == 0
    refused = terminal("keys", "rotate", new["id"])
    assert (refused.code, "was revoked or has expired" in refused.errors) == (USAGE, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("keys", "create", "--role", "owner"), "There is no role owner"),
        (("keys", "create", "--project", "prj-none"), "No project prj-none"),
        (("keys", "create", "--expires-days", "0"), "--expires-days"),
        (("keys", "rotate", "none"), "No key none"),
        (("keys", "revoke", "none"), "No key none"),
        (("projects", "limits", "prj-none", "--burst", "3"), "No project prj-none"),
        (("projects", "archive", "prj-none"), "No project prj-none"),
        (("projects", "archive", DEFAULT_PROJECT_ID), "default project cannot be archived"),
        (("projects", "delete", DEFAULT_PROJECT_ID, "--yes"), "default project cannot be deleted"),
        (("projects", "delete", "prj-none", "--yes"), "No project prj-none"),
    ],
)
def test_wrong_argument_is_a_usage_error_that_changes_nothing(
    terminal: Terminal, words: tuple[str, ...], message: str
) -> None:
    done = terminal(*words, "--json")

    assert (done.code, done.output) == (USAGE, "")
    assert message in done.errors
    assert "Hint:" in done.errors
    terminal("keys", "list")  # it makes the records when no command has
    assert terminal.audited() == []
    assert not terminal.read(lambda session: ApiKeys(session).required())


def test_limits_of_a_project_are_replaced_as_a_whole(terminal: Terminal) -> None:
    made = terminal.new("projects", "create", "Team", "--burst", "3", "--max-upload-mb", "2")
    assert made["limits"] == {"burst": 3, "max_upload_bytes": 2 * 1024 * 1024}

    changed = terminal.new("projects", "limits", made["id"], "--requests-per-second", "0.5")

    assert changed["limits"] == {"requests_per_second": 0.5}
    listed = terminal.new("projects", "list")["projects"]
    assert [one["name"] for one in listed] == ["Default", "Team"]
    assert "requests_per_second=0.5" in terminal("projects", "list").output


def test_archived_project_takes_no_keys_and_is_listed_as_archived(terminal: Terminal) -> None:
    team = terminal.new("projects", "create", "Team")["id"]
    assert terminal.new("projects", "archive", team)["archived_at"] is not None

    refused = terminal("keys", "create", "--project", team)

    assert (refused.code, "it takes no new keys" in refused.errors) == (USAGE, True)
    assert "archived" in terminal("projects", "list").output


def test_deleted_project_and_its_keys_are_gone(terminal: Terminal) -> None:
    team = terminal.new("projects", "create", "Team")["id"]
    key = terminal.new("keys", "create", "--project", team)["id"]

    unconfirmed = terminal("projects", "delete", team)
    assert unconfirmed.code != 0
    assert terminal.known(key) is not None
    assert terminal.new("projects", "delete", team, "--yes") == {"deleted": team}

    assert terminal.known(key) is None
    found = terminal.read(lambda session: Projects(session).list())
    assert [one.id for one in found.items] == [DEFAULT_PROJECT_ID]
    assert (team, "delete_project", [team]) in terminal.audited()


def test_key_of_links_is_replaced_and_with_revoke_the_older_ones_are_removed(
    terminal: Terminal,
) -> None:
    async def link_keys(session: Session) -> set[str]:
        return set(await session.scalars(select(LinkKey.id)))

    first, second = [terminal.new("keys", "rotate-links")["id"] for _ in range(2)]
    assert terminal.read(link_keys) == {first, second}

    third = terminal.new("keys", "rotate-links", "--revoke")["id"]

    assert terminal.read(link_keys) == {third}


def test_each_change_is_audited_with_its_project(terminal: Terminal) -> None:
    team = terminal.new("projects", "create", "Team")["id"]
    key = terminal.new("keys", "create", "--project", team)["id"]
    new = terminal.new("keys", "rotate", key)["id"]
    terminal.new("keys", "revoke", new)
    terminal.new("projects", "limits", team, "--burst", "3")
    terminal.new("projects", "archive", team)
    links = [terminal.new("keys", "rotate-links", *more)["id"] for more in ((), ("--revoke",))]
    done = terminal("keys", "list")

    assert [(project, action) for project, action, _ in terminal.audited()] == [
        (team, "create_project"),
        (team, "create_key"),
        (team, "rotate_key"),
        (team, "revoke_key"),
        (team, "set_limits"),
        (team, "archive_project"),
        (DEFAULT_PROJECT_ID, "rotate_link_key"),
        (DEFAULT_PROJECT_ID, "revoke_links"),
    ]
    objects = [set(ids) for _, _, ids in terminal.audited()]
    expected = [team], [key], [key, new], [new], [team], [team], [links[0]], [links[1]]
    assert all(set(ids) <= found for ids, found in zip(expected, objects, strict=True)), objects
    assert "audit" not in done.errors, "a command that only looks leaves no line"
