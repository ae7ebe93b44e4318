"""The script that sets up Temporal's databases, over a stand-in for temporal-sql-tool.

The real tool is only in Temporal's image. tests/house/sql_tool.py has its syntax.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.house import sql_tool
from tests.house.code import ROOT

pytestmark = pytest.mark.integration

SCHEMAS = "/etc/temporal/schema/postgresql/v12"


class Container:
    """A folder of programs in place of admin-tools' and the settings of the compose file."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state.json"
        self._programs = folder / "bin"
        self._programs.mkdir()
        self._write("temporal-sql-tool", f'exec {sys.executable} {sql_tool.__file__} "$@"')
        self._write("sleep", "")
        self.database_answers("true")

    def _write(self, name: str, text: str) -> None:
        program = self._programs / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)

    def database_answers(self, condition: str) -> None:
        """Let a probe of PostgreSQL's port be this command."""
        self._write("nc", f'test "$*" = "-z -w 2 postgres 5432" && {condition}')

    def run(self, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        environment = {
            "DB_PORT": "5432",
            "POSTGRES_SEEDS": "postgres",
            "POSTGRES_USER": "docmill",
            "SQL_PASSWORD": "for test",
            "STATE": str(self.state),
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            **settings,
        }
        script = ["sh", str(ROOT / "deploy/temporal/schema.sh")]
        return subprocess.run(
            script, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    def read(self) -> Any:
        """What the tool remembers: its calls, and the versions of the schemas."""
        return json.loads(self.state.read_text())


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path)


def test_schema_script_sets_up_both_databases_in_order(container: Container) -> None:
    ended = container.run()

    assert ended.returncode == 0, ended.stderr
    calls = container.read()["calls"]
    assert [(one["database"], one["command"]) for one in calls] == [
        (database, command)
        for database in ("temporal", "temporal_visibility")
        for command in ("create", "setup-schema", "update-schema")
    ]
    connection = {"plugin": "postgres12", "endpoint": "postgres", "port": 5432, "user": "docmill"}
    assert all(connection.items() <= one.items() for one in calls)
    assert {one["password"] for one in calls} == {"for test"}
    assert [one["schema_dir"] for one in calls if "schema_dir" in one] == [
        f"{SCHEMAS}/temporal/versioned",
        f"{SCHEMAS}/visibility/versioned",
    ]


def test_schema_script_changes_nothing_when_it_runs_again(container: Container) -> None:
    container.run()
    first = container.read()["versions"]

    ended = container.run()

    assert ended.returncode == 0, ended.stderr
    assert container.read()["versions"] == first
    assert first == dict.fromkeys(("temporal", "temporal_visibility"), sql_tool.LATEST)


def test_schema_script_waits_for_postgresql(container: Container, tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    container.database_answers(f'echo >>{tries} && test "$(wc -l <{tries})" -ge 3')

    ended = container.run()

    assert ended.returncode == 0, ended.stderr
    assert len(tries.read_text().splitlines()) == 3
    assert container.read()["versions"]


def test_schema_script_says_so_when_postgresql_does_not_answer(container: Container) -> None:
    container.database_answers("false")

    ended = container.run()

    assert ended.returncode == 1
    assert ended.stderr.startswith("PostgreSQL does not answer at postgres:5432: ")
    assert not container.state.exists()


def test_schema_script_stops_at_a_command_that_fails(container: Container) -> None:
    ended = container.run(FAILING="update-schema")

    assert ended.returncode == 1
    assert "temporal-sql-tool update-schema failed for the database temporal: " in ended.stderr
    assert [one["command"] for one in container.read()["calls"]] == ["create", "setup-schema"]
