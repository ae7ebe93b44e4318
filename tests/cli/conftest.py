"""A home whose server and worker run for all tests of this folder, and small folders."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from docmill.embedded.addresses import free_port
from docmill.embedded.home import Home
from docmill.embedded.processes import HomeProcess
from tests.cli.starting import Cli, wait_for


def _stop_everything(home: Path) -> None:
    for name in ("api", "worker", "temporal"):
        process = HomeProcess(Home(home).create(), name)
        if (pid := process.pid()) is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def warm_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home on which `up` runs: commands join it, which spares each a start."""
    home = tmp_path_factory.mktemp("warm") / "home"
    up = Cli(home, home.parent).start("up", "--port", str(free_port()))
    try:
        wait_for(up, "Ctrl-C stops everything")
        yield home
        up.send_signal(signal.SIGINT)
        output, _ = up.communicate(timeout=60)
        assert up.returncode == 0, output
        assert not HomeProcess(Home(home), "temporal").alive()
    finally:
        up.kill()
        up.communicate()
        _stop_everything(home)


@pytest.fixture
def cli(warm_home: Path, tmp_path: Path) -> Cli:
    """Commands on the warm home, typed in an empty folder."""
    return Cli(warm_home, tmp_path)


@pytest.fixture
def cold_cli(tmp_path: Path) -> Iterator[Cli]:
    """Commands on a home of their own, on which nothing runs yet."""
    home = tmp_path / "home"
    yield Cli(home, tmp_path)
    _stop_everything(home)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three good files, one of them in a sub-folder.

    Their bytes differ from test to test: on a shared home the same bytes are known already.
    """
    folder, own = tmp_path / "papers", tmp_path.name
    (folder / "letters").mkdir(parents=True)
    (folder / "a.md").write_text(f"# Title of {own}\n\nText of the first paper.\n")
    (folder / "b.csv").write_text(f"name,number\n{own},1\ntwo,2\n")
    (folder / "letters" / "c.txt").write_text(f"Dear reader of {own},\n\nthis is the third file.\n")
    return folder


def many(folder: Path, count: int) -> Path:
    """Fill a folder with small files that all differ."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number:04}.txt").write_text(f"This is file number {number} of {folder}.\n")
    return folder


SLOWLY = ("--concurrency", "1", "--page-size", "10", "--items-per-activity", "1")
"""For a batch that is still at work when a command that was started meanwhile has loaded itself."""


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for the end of a started command and return the rest of its output."""
    return process.communicate(timeout=90)[0]
