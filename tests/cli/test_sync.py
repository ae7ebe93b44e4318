"""`sync` as a user types it: on demand, on a schedule, and stopped."""

from pathlib import Path

import pytest

from docmill.cli.run.sync import timing_of
from docmill.errors import UsageError
from tests.cli.starting import Cli


def test_sync_processes_changes_and_passes_deletions_on(cli: Cli, folder: Path) -> None:
    first = cli.json("sync", folder, "--out", "results")
    (folder / "new.md").write_text(f"# New in {cli.cwd.name}\n")
    (folder / "b.csv").unlink()
    second = cli.json("sync", folder, "--out", "results", "--delete")
    idle = cli("sync", folder, "--out", "results")

    assert (first["completed"], first["fresh"], first["exit_code"]) == (3, 3, 0)
    assert (second["total"], second["fresh"], second["completed"]) == (3, 1, 1)
    assert (second["vanished"], second["deleted"]) == (1, 1)
    assert second["sync_id"] == first["sync_id"]
    out = cli.cwd / "results"
    assert (out / "new.md.md").exists()
    assert not (out / "b.csv.json").exists()
    assert idle.returncode == 0, idle.stdout + idle.stderr
    assert "3 files listed, 0 new or changed, 0 gone." in idle.stdout


def test_schedule_is_created_and_stopped(cli: Cli, folder: Path) -> None:
    scheduled = cli("sync", folder, "--out", "results", "--every", "12h")
    stopped = cli("sync", folder, "--out", "results", "--stop")
    again = cli("sync", folder, "--out", "results", "--stop")

    assert scheduled.returncode == 0, scheduled.stdout + scheduled.stderr
    assert "/namespaces/default/schedules/syn-" in scheduled.stdout
    assert "3 completed" in scheduled.stdout
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert "Not synced any more" in stopped.stdout
    assert again.returncode == 2


@pytest.mark.parametrize("every", ["0m", "15", "m", "-1h", "1w", "1.5h"])
def test_interval_that_is_not_a_time_is_rejected(every: str) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        timing_of(every, None)


def test_interval_and_cron_together_are_rejected() -> None:
    with pytest.raises(UsageError, match="Both"):
        timing_of("1h", "0 3 * * *")
