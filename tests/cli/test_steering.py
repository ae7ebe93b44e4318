"""Controlling a batch from another terminal, and concurrent commands."""

import os
import subprocess
import sys
from pathlib import Path

from docmill.contracts.words import BatchStatus
from docmill.embedded.home import Home
from docmill.embedded.server import EmbeddedServer
from tests.cli.conftest import SLOWLY, finish, many
from tests.cli.starting import ROOT, Cli, wait_for

INVOCATIONS = 100 if os.environ.get("DOCMILL_TEST_ALL") == "1" else 25

# Each child is a whole command, from its arguments to its exit, in a process of its own; only
# the imports are shared, which would otherwise be most of the time.
MANY_COMMANDS = """
import os, sys
import docmill.batches.service, docmill.cli.steering, docmill.logs
from docmill.cli.app import main

codes = {}
for number in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        sys.argv = ["starter.py", "concurrency", sys.argv[2], str(1 + number % 9)]
        main()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    codes[code] = codes.get(code, 0) + 1
print(codes)
"""


def _started(cli: Cli, folder: Path) -> tuple[subprocess.Popen[str], str]:
    run = cli.start("run", folder, *SLOWLY)
    return run, wait_for(run, r"Batch (bat-[-0-9a-f]+)").group(1)


def test_run_exits_with_4_when_its_batch_is_cancelled_elsewhere(cli: Cli) -> None:
    run, batch_id = _started(cli, many(cli.cwd / "papers", 300))

    cancelled = cli("cancel", batch_id, "--reason", "wrong folder")
    words = finish(run)

    assert cancelled.returncode == 0, cancelled.stderr
    assert run.returncode == 4, words
    assert "Reason: wrong folder" in words
    status = cli.json("status", batch_id)
    assert status["status"] == BatchStatus.CANCELLED
    assert status["total"] == sum(
        status[outcome] for outcome in ("completed", "failed", "skipped", "cancelled")
    )
    again = cli("cancel", batch_id)
    assert again.returncode == 2
    assert "has ended" in again.stderr
    assert cli.audited(batch_id) == ["create_batch", "cancel_batch"]
    assert "cancel_batch" in cancelled.stderr


def test_paused_batch_waits_accepts_a_new_concurrency_and_resumes(cli: Cli) -> None:
    run, batch_id = _started(cli, many(cli.cwd / "papers", 200))

    assert cli("pause", batch_id).returncode == 0
    wait_for(run, "^paused: ")
    assert f"{batch_id}: paused" in cli("status", batch_id).stdout
    codes = subprocess.run(
        [sys.executable, "-c", MANY_COMMANDS, str(INVOCATIONS), batch_id],
        env={**cli.environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.splitlines()[-1]
    assert codes == str({0: INVOCATIONS}), "a command must leave with its own exit code"
    assert "at most 8 files" in cli("concurrency", batch_id, "8").stdout
    assert cli("resume", batch_id).returncode == 0
    words = finish(run)

    assert run.returncode == 0, words
    assert cli.json("status", batch_id)["concurrency"] == 8
    changes = ["set_concurrency"] * (INVOCATIONS + 1)
    assert cli.audited(batch_id) == ["create_batch", "pause_batch", *changes, "resume_batch"]


def test_two_equal_commands_share_one_batch(cli: Cli) -> None:
    folder = many(cli.cwd / "papers", 60)
    runs = [cli.start("run", folder) for _ in range(2)]
    ids = {wait_for(run, r"atch (bat-[-0-9a-f]+)").group(1) for run in runs}
    words = [finish(run) for run in runs]

    assert [run.returncode for run in runs] == [0, 0], words
    assert len(ids) == 1


def test_run_works_on_a_named_server_with_a_local_worker(cli: Cli, folder: Path) -> None:
    addresses = EmbeddedServer(Home(cli.home)).addresses()
    assert addresses is not None
    named = Cli(cli.home, cli.cwd, {"TEMPORAL_ADDRESS": addresses.grpc})

    done = named("run", folder)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"on {addresses.grpc}" in done.stdout
