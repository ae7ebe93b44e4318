"""The modules that a command and a worker load at start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from docmill.records.database import Database
from docmill.records.scope import EVERY_PROJECT
from docmill.settings import APPLICATION, load_settings


def loaded_by(code: str, **environment: str) -> set[str]:
    """The packages that a Python of its own has loaded after ``code``."""
    report = (
        "import json, sys; print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"],
        env={**os.environ, "PYTHONPATH": str(APPLICATION), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(json.loads(ended.stdout.splitlines()[-1]))


@pytest.mark.acceptance
def test_run_loads_few_modules_before_it_starts_server_and_worker() -> None:
    loaded = loaded_by(
        "import docmill.cli.app, docmill.cli.run.request, docmill.cli.run.command\n"
        "from docmill.cli.console import Console; Console(as_json=False)"
    )

    assert loaded.isdisjoint(
        {"sqlalchemy", "alembic", "temporalio", "rich", "jinja2", "httpx", "obstore", "jsonschema"}
    )


@pytest.mark.acceptance
def test_worker_loads_no_command_line_api_or_migration_modules() -> None:
    loaded = loaded_by("import worker")

    assert loaded.isdisjoint({"alembic", "typer", "fastapi", "starlette", "uvicorn", "jinja2"})


@pytest.mark.acceptance
async def test_current_database_schema_is_checked_without_loading_alembic(tmp_path: Path) -> None:
    database = Database(load_settings(home=tmp_path, database_url="").database, EVERY_PROJECT)
    await database.migrate()
    await database.close()

    loaded = loaded_by(
        "import asyncio\n"
        "from docmill.records.database import Database\n"
        "from docmill.records.scope import EVERY_PROJECT\n"
        "from docmill.settings import load_settings\n"
        "database = Database(load_settings().database, EVERY_PROJECT)\n"
        "asyncio.run(database.migrate())",
        DOCMILL_HOME=str(tmp_path),
        DOCMILL_DATABASE_URL="",
    )

    assert "sqlalchemy" in loaded
    assert "alembic" not in loaded
