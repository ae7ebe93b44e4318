"""The command migrate, on both databases."""

from pathlib import Path

import pytest

from docmill.records.database import Database
from docmill.records.migrations import HEAD
from docmill.records.scope import EVERY_PROJECT
from docmill.settings import load_settings
from tests.cli.starting import Cli

pytestmark = pytest.mark.acceptance


async def test_migrate_prepares_an_empty_database_and_may_be_repeated(
    postgres_url: str, tmp_path: Path
) -> None:
    cli = Cli(tmp_path / "home", tmp_path, {"DOCMILL_DATABASE_URL": postgres_url})

    for _ in range(2):
        done = cli("migrate")
        assert done.returncode == 0, done.stderr
        assert HEAD in done.stdout

    assert cli.json("migrate") == {"schema": HEAD}
    database = Database.of(load_settings(database_url=postgres_url), EVERY_PROJECT)
    await database.ping()
    await database.close()


def test_migrate_fails_when_the_database_is_away(tmp_path: Path) -> None:
    away = {
        "DOCMILL_DATABASE_URL": "postgresql://docmill:docmill@127.0.0.1:1/docmill",
        "DOCMILL_DATABASE_WAIT_SECONDS": "1",
    }
    done = Cli(tmp_path / "home", tmp_path, away)("migrate")
    assert done.returncode == 3, done.stdout
    assert "Waiting for it." in done.stderr
    assert "Traceback" not in done.stderr
