"""A batch that was begun by a worker of the previous commit is finished by this one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from temporalio.client import Client

from docmill.contracts.batches import BatchSpec
from docmill.errors import UnavailableError
from docmill.records.database import Database
from docmill.records.scope import EVERY_PROJECT
from docmill.settings import Settings
from tests.fixtures.mill import Mill, until, write_texts
from tests.house.code import ROOT

FILES = 30


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout


def _previous_code(folder: Path) -> Path:
    """The code before this commit; in a clone without a history, this commit's."""
    commits = _git("rev-list", "--first-parent", "--max-count=2", "HEAD").decode().split()
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=_git("archive", commits[-1]), check=True)
    return folder


@contextmanager
def _worker(code: Path, home: Path, address: str, log: Path) -> Iterator[None]:
    """A worker process of some code, killed at the end."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("DOCMILL_", "TEMP"))}
    settings = {"DOCMILL_HOME": str(home), "TEMPORAL_ADDRESS": address, "DOCMILL_ENGINE_SLOTS": "2"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "worker.py"],
            cwd=code,
            env={**inherited, **settings},
            stdout=output,
            stderr=output,
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


async def test_batch_begun_by_the_previous_commit_is_finished_by_this_one(
    temporal: Client, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    settings = Settings(home=home, engine_slots=2)
    mill = Mill(temporal, Database(settings.database, EVERY_PROJECT), settings)
    folder = write_texts(tmp_path / "in", FILES)
    spec = BatchSpec(folder=str(folder), concurrency=1, page_size=7)
    await mill.client.start("bat-upgrade", spec)

    async def half_done() -> bool:
        try:
            return (await mill.client.progress("bat-upgrade")).processed >= FILES // 3
        except UnavailableError:  # its worker is still starting
            return False

    address = temporal.service_client.config.target_host
    with _worker(_previous_code(tmp_path / "code"), home, address, tmp_path / "worker.log"):
        await until(half_done)
    async with mill.worker():
        result = await mill.client.result("bat-upgrade")
        assert result.tally.completed == FILES
    await mill.database.close()
