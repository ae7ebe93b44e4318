"""Batches that ended early are completed by a redrive, into the folder of their run."""

from tests.cli.conftest import SLOWLY, finish, many
from tests.cli.starting import Cli, wait_for

FILES = 120


def test_run_after_a_drained_cancel_completes_the_same_folder(cli: Cli) -> None:
    run = cli.start("run", many(cli.cwd / "papers", FILES), *SLOWLY)
    batch_id = wait_for(run, r"Batch (bat-[-0-9a-f]+)").group(1)
    cancelled = cli("cancel", batch_id, "--drain", "--reason", "wait for the evening")
    assert cancelled.returncode == 0, cancelled.stderr
    words = finish(run)
    assert run.returncode == 4, words
    before = cli.json("status", batch_id)
    assert 0 < before["cancelled"] < FILES
    assert before["completed"] + before["cancelled"] == FILES

    again = cli.json("redrive", batch_id)

    assert (again["exit_code"], again["batch_id"], again["attempt"]) == (0, batch_id, 2)
    assert again["completed"] == FILES
    out = cli.cwd / "docmill-out" / "papers"
    assert again["out"] == str(out)
    assert len(list(out.glob("*.txt.md"))) == FILES
    assert cli("verify", out).returncode == 0
    assert cli.audited(batch_id) == ["create_batch", "cancel_batch", "redrive_batch"]
    nothing = cli("redrive", batch_id)
    assert nothing.returncode == 2
    assert "left to run" in nothing.stderr


def test_run_exits_with_3_and_the_reason_when_too_many_files_fail(cli: Cli) -> None:
    folder = many(cli.cwd / "papers", 3)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\n" + folder.name.encode() * 3)
    done = cli("run", folder, "--max-failures", "0")
    assert done.returncode == 3, done.stdout
    assert "Reason: more than 0 files failed" in done.stdout
