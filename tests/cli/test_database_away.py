"""Commands while PostgreSQL restarts or is not started yet, and at one that refuses them."""

import asyncio
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from docmill.records.database import Database
from docmill.records.scope import EVERY_PROJECT
from tests.cli.starting import Cli, wait_for
from tests.fixtures.mill import Mill, settings_for, write_texts
from tests.fixtures.postgres import postgres_folder

pytestmark = pytest.mark.integration


async def test_run_and_watch_wait_while_postgres_restarts(
    temporal: Any, own_postgres: Any, tmp_path: Path
) -> None:
    url = own_postgres.get_uri()
    server = temporal.service_client.config.target_host
    environment = {"DOCMILL_DATABASE_URL": url, "TEMPORAL_ADDRESS": server}
    cli = Cli(tmp_path / "home", tmp_path, environment)
    running = cli.start("run", write_texts(tmp_path / "in", 3))
    batch_id = wait_for(running, r"Batch (bat-\S+): 3 files")[1]
    wait_for(running, "Temporal:")
    watching = cli.start("watch", batch_id)
    wait_for(watching, "Temporal:")

    own_postgres.stop()
    for process in (running, watching):
        wait_for(process, r"The records database cannot be used now: .* Waiting for it\.")
    own_postgres.ensure_postgres_running()
    for process in (running, watching):
        wait_for(process, "The records database answers again")

    settings = settings_for(tmp_path, url)
    database = Database.of(settings, EVERY_PROJECT)
    async with Mill(temporal, database, settings).worker():
        outputs = [
            (await asyncio.to_thread(process.communicate, timeout=60))[0]
            for process in (running, watching)
        ]
    await database.close()

    assert [running.returncode, watching.returncode] == [0, 0], outputs
    results = (tmp_path / "docmill-out" / "in").glob("*.txt.md")
    assert len(list(results)) == 3


def test_command_that_starts_before_postgres_waits_for_it(tmp_path: Path) -> None:
    with postgres_folder() as folder:
        environment = {"DOCMILL_DATABASE_URL": folder.url}
        listing = Cli(tmp_path / "home", tmp_path, environment).start("list")
        wait_for(listing, r"The records database cannot be used now: .* Waiting for it\.")
        server = subprocess.Popen(folder.command, user=folder.user, stderr=subprocess.DEVNULL)
        try:
            wait_for(listing, "The records database answers again")
            output, _ = listing.communicate(timeout=60)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)
    assert listing.returncode == 0, output


@pytest.mark.parametrize(
    ("user", "name", "said"),
    [
        ("nobody", "postgres", 'role "nobody" does not exist'),
        ("postgres", "nosuch", 'database "nosuch" does not exist'),
    ],
)
def test_refused_login_is_an_error_of_usage_at_the_start(
    postgres_server: str, tmp_path: Path, user: str, name: str, said: str
) -> None:
    url = postgres_server.replace("postgres:@/postgres", f"{user}:@/{name}")
    cli = Cli(tmp_path / "home", tmp_path, {"DOCMILL_DATABASE_URL": url})

    done = cli("list")

    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "DOCMILL_DATABASE_URL" in done.stderr
