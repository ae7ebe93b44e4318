"""The complete command on one-line files, compared with the minimal workflow."""

from collections.abc import AsyncIterator

from bench import bare
from bench.harness import SLOTS, Bench, Figure, Round, Row
from bench.inputs import write_notes
from bench.mill import docmill, time_run
from bench.noop import MANY_SLOTS, WINDOW


async def measure(bench: Bench) -> AsyncIterator[Round]:
    """Alternate the command with a new home and the minimal workflow on a warm server."""
    count = bench.of(3_000, 20)
    async with docmill(bench.folder / "server") as mill:
        for number in range(bench.rounds):
            speeds = [
                await bare.items_per_second(mill.temporal, count, WINDOW, slots)
                for slots in (SLOTS, MANY_SLOTS)
            ]
            place = bench.folder / f"round-{number}"
            run = await time_run(place / "home", write_notes(place / "notes", count))
            yield {"run": count / run.wall, "best C": max(speeds)}


FIGURE = Figure(
    "small",
    (Row("one-line files, whole command / best C", "run", "best C", "files/s", 1.0),),
    measure,
)
