"""A separate home for each test, and a check that no process is left running in it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from docmill.embedded.home import Home
from docmill.embedded.processes import HomeProcess

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """An empty home; whatever a failed test left running in it is killed."""
    home = Home(tmp_path / "home").create()
    yield home
    for name in ("temporal", "worker"):
        pid = HomeProcess(home, name).pid()
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


MEMBER = """
import asyncio, os, sys
from pathlib import Path
from docmill.embedded.home import Home
from docmill.embedded.members import Membership

async def main():
    await Membership(Home(Path(sys.argv[1])).create()).join()
    print("joined", flush=True)
    await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
os._exit(0)
"""


@pytest.fixture
def start_member(home: Home) -> Iterator[object]:
    """Start a process that joins the home and stays until it is killed."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", MEMBER, str(home.root)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
