"""Ctrl-C and kill -9: the same command continues where the batch stopped."""

import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from docmill.embedded.home import Home
from docmill.embedded.processes import HomeProcess
from tests.cli.conftest import SLOWLY, finish, many
from tests.cli.starting import Cli, wait_for

pytestmark = pytest.mark.timeout(300)  # several whole runs each, also on a loaded machine

FILES = 80
LONG = 3 * FILES


def completed(home: Path) -> dict[str, str]:
    """When each finished file was finished, from the records themselves."""
    with closing(sqlite3.connect(home / "records.db", timeout=30)) as records:
        rows = records.execute(
            "SELECT path, finished_at FROM batch_items WHERE status = 'completed'"
        )
        return dict(rows.fetchall())


def _wait_until(condition: object, what: str) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)


def started(cli: Cli, folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Start a run, wait until it has done some files, return it with its batch id."""
    before = len(completed(cli.home)) if (cli.home / "records.db").exists() else 0
    run = cli.start("run", folder, *SLOWLY)
    batch_id = wait_for(run, r"atch (bat-[-0-9a-f]+)").group(1)
    _wait_until(lambda: len(completed(cli.home)) > before + 3, "a few files done")
    return run, batch_id


def _alive(cli: Cli, name: str) -> bool:
    return HomeProcess(Home(cli.home), name).alive()


def test_batch_interrupted_by_ctrl_c_is_resumed_by_the_same_command(cold_cli: Cli) -> None:
    folder = many(cold_cli.cwd / "papers", FILES)
    run, batch_id = started(cold_cli, folder)
    run.send_signal(signal.SIGINT)
    words = finish(run)

    assert run.returncode == 130, words
    assert f"The batch {batch_id} is kept" in words
    assert f"starter.py cancel {batch_id}" in words
    assert not _alive(cold_cli, "worker")
    assert not _alive(cold_cli, "temporal")
    done = completed(cold_cli.home)
    assert 0 < len(done) < FILES
    assert "No worker processes it now" in cold_cli("status", batch_id).stdout

    (folder / "later.txt").write_text("This one came later.\n")
    again = cold_cli("run", folder)

    assert again.returncode == 0, again.stdout + again.stderr
    assert f"Resuming the unfinished batch {batch_id}" in again.stdout
    assert "a follow-up batch processes them" in again.stdout
    after = completed(cold_cli.home)
    assert len(after) == FILES + 1
    assert {path: after[path] for path in done} == done
    assert cold_cli("verify", "docmill-out/papers").returncode == 0


def test_batch_loses_nothing_when_any_process_is_killed(cold_cli: Cli) -> None:
    folder = many(cold_cli.cwd / "papers", LONG)
    run, batch_id = started(cold_cli, folder)
    run.kill()
    finish(run)
    _wait_until(lambda: not _alive(cold_cli, "worker"), "the worker ends after its command")
    _wait_until(lambda: not _alive(cold_cli, "temporal"), "the last member stops the server")

    run, resumed = started(cold_cli, folder)
    assert resumed == batch_id
    assert cold_cli("pause", batch_id).returncode == 0
    kill_everything(cold_cli, run)
    done = completed(cold_cli.home)
    assert len(done) < LONG

    again = cold_cli.start("run", folder)
    wait_for(again, "^paused: ")
    assert completed(cold_cli.home) == done, "a pause holds when everything was killed"
    assert cold_cli("resume", batch_id).returncode == 0
    words = finish(again)

    assert again.returncode == 0, words
    after = completed(cold_cli.home)
    assert len(after) == LONG
    assert {path: after[path] for path in done} == done
    assert cold_cli("verify", "docmill-out/papers").returncode == 0


def kill_everything(cli: Cli, run: subprocess.Popen[str]) -> None:
    pids = [HomeProcess(Home(cli.home), name).pid() for name in ("worker", "temporal")]
    for pid in (run.pid, *pids):
        assert pid is not None
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    finish(run)
    _wait_until(lambda: not _alive(cli, "temporal"), "the server is dead")


def test_killed_server_is_restarted_during_the_run(cold_cli: Cli) -> None:
    run, _ = started(cold_cli, many(cold_cli.cwd / "papers", FILES))
    server = HomeProcess(Home(cold_cli.home), "temporal").pid()
    assert server is not None
    os.kill(server, signal.SIGKILL)

    words = finish(run)

    assert run.returncode == 0, words
    assert "The Temporal server died and is started again" in words
    assert len(completed(cold_cli.home)) == FILES
