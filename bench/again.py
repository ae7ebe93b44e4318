"""A second run on an unchanged folder."""

from collections.abc import AsyncIterator

from bench.harness import Bench, Figure, Round, Row
from bench.inputs import write_notes
from bench.mill import docmill, time_run
from docmill.testing import mock_engine
from worker import running_worker


async def measure(bench: Bench) -> AsyncIterator[Round]:
    """Process a folder once; then alternate the command and a batch on a warm worker."""
    count = bench.of(20_000, 20)
    notes = write_notes(bench.folder / "notes", count)
    home = bench.folder / "command"
    await time_run(home, notes)
    async with docmill(bench.folder) as mill:
        async with running_worker(mill.temporal, mill.settings, mock_engine.MODULE):
            await mill.run(notes)
        for _ in range(bench.rounds):
            run = await time_run(home, notes)
            async with running_worker(mill.temporal, mill.settings, mock_engine.MODULE):
                batch, result = await mill.run(notes)
            assert result.tally.skipped == count, result
            row = await mill.service.get(batch.project_id, batch.id)
            assert row.started_at
            assert row.ended_at
            seconds = (row.ended_at - row.started_at).total_seconds()
            yield {"run": count / run.wall, "batch": count / seconds, "seconds": run.wall}


FIGURE = Figure(
    "again",
    (
        Row("unchanged folder again, whole command", "run", unit="files/s", at_least=5_000),
        Row("unchanged folder again, batch on a warm worker", "batch", unit="files/s"),
        Row("unchanged folder again, whole command", "seconds", unit="s"),
    ),
    measure,
)
