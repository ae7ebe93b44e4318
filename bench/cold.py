"""Cost of one small file, with the start and the end of all processes."""

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from bench.harness import Bench, Figure, Round, Row
from bench.inputs import write_notes
from bench.mill import time_run
from docmill.embedded.home import Home


async def measure(bench: Bench) -> AsyncIterator[Round]:
    """Run the command on one new file, in a new home and in a used home."""
    warm = bench.folder / "warm"
    await time_run(warm, write_notes(bench.folder / "first", 1))
    for number in range(bench.rounds):
        place = bench.folder / f"round-{number}"
        fresh = await time_run(place / "home", write_notes(place / "fresh", 1))
        used = await time_run(warm, write_notes(place / "warm", 1))
        ended = time.time()
        yield {
            "fresh": fresh.wall,
            "fresh CPU": fresh.cpu,
            "used": used.wall,
            "used CPU": used.cpu,
            "prompt": ended - _last_outcome(warm),
        }


def _last_outcome(home: Path) -> float:
    """Return when the last file of a home had its outcome, in seconds since the epoch."""
    with closing(sqlite3.connect(Home(home).records)) as records:
        (moment,) = records.execute("SELECT max(finished_at) FROM batch_items").fetchone()
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


FIGURE = Figure(
    "cold",
    (
        Row("run on one small file, used home", "used", unit="s", at_most=3),
        Row("processor time of that", "used CPU", unit="s", at_most=3.5),
        Row("from its last outcome to the prompt", "prompt", unit="s", at_most=0.3),
        Row("run on one small file, fresh home", "fresh", unit="s"),
        Row("processor time of that", "fresh CPU", unit="s"),
    ),
    measure,
)
