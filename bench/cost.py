"""Cost of an item in a large and in a small batch, and the memory of a large batch."""

import asyncio
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bench.harness import Bench, Figure, Round, Row
from bench.inputs import write_notes
from bench.mill import environment
from bench.processes import client_of, cpu_of, memory_of, pid_of, program
from docmill.embedded.addresses import free_port
from docmill.settings import APPLICATION

FROM = 10_000
"""Items after which memory must not grow."""
POLL_SECONDS = 0.5
_COUNTS = "SELECT coalesce(sum(completed), 0) FROM batch_counts WHERE batch_id = ?"
_LATEST = "SELECT id, started_at, ended_at FROM batches ORDER BY created_at DESC LIMIT 1"


@dataclass
class Cost:
    """Cost of one run of the command.

    Attributes:
        seconds: from the batch's start to its end.
        cpu: CPU seconds of the worker and the Temporal server.
        early: resident bytes by process, when `FROM` items were done.
        peak: maximum resident bytes from then on.
    """

    seconds: float = 0.0
    cpu: float = 0.0
    early: dict[str, int] = field(default_factory=dict)
    peak: dict[str, int] = field(default_factory=dict)


async def measure(bench: Bench) -> AsyncIterator[Round]:
    """Alternate the command on a small and on a large batch, while ``up`` runs."""
    few, many = bench.of(1_000, 20), bench.of(100_000, 120)
    home, port = bench.folder / "home", free_port()
    up = (sys.executable, APPLICATION / "starter.py", "up", "--port", str(port))
    async with program(*up, env=environment(home)), client_of(port):
        await _run(home, write_notes(bench.folder / "warm", 100), 100, 100)
        for number in range(bench.rounds):
            place = bench.folder / f"round-{number}"
            small = await _run(home, write_notes(place / "few", few), few, few)
            large = await _run(home, write_notes(place / "many", many), many, min(FROM, many // 2))
            shutil.rmtree(place)
            yield {
                "small wall": small.seconds / few * 1000,
                "large wall": large.seconds / many * 1000,
                "small CPU": small.cpu / few * 1000,
                "large CPU": large.cpu / many * 1000,
                **{f"{name} early": size / 2**20 for name, size in large.early.items()},
                **{f"{name} peak": size / 2**20 for name, size in large.peak.items()},
            }


async def _run(home: Path, folder: Path, count: int, mark: int) -> Cost:
    """Run the command on a folder, and measure all processes.

    Args:
        home: of the processes.
        folder: with the files.
        count: number of files.
        mark: items after which memory is measured.
    """
    pids = {name: pid_of(home, name) for name in ("worker", "api", "temporal")}
    before = cpu_of(pids["worker"]) + cpu_of(pids["temporal"])
    found, out = Cost(), folder.with_name(f"{folder.name}-out")
    command = (sys.executable, APPLICATION / "starter.py", "run", folder, "--out", out)
    with closing(sqlite3.connect(f"file:{home}/records.db?mode=ro", uri=True)) as records:
        known = records.execute(_LATEST).fetchone()
        async with program(*command, env=environment(home)) as pids["command"]:
            while size := memory_of(pids["command"]):
                latest = records.execute(_LATEST).fetchone()
                new = latest is not None and (known is None or latest[0] != known[0])
                if new and records.execute(_COUNTS, latest[:1]).fetchone()[0] >= mark:
                    sizes = {name: memory_of(pid) for name, pid in pids.items()}
                    sizes["command"] = size
                    found.early = found.early or sizes
                    found.peak = {
                        name: max(s, found.peak.get(name, 0)) for name, s in sizes.items()
                    }
                await asyncio.sleep(POLL_SECONDS)
        batch_id, started, ended = records.execute(_LATEST).fetchone()
        (completed,) = records.execute(_COUNTS, (batch_id,)).fetchone()
    assert completed == count, f"{completed} of {count} files completed"
    found.cpu = cpu_of(pids["worker"]) + cpu_of(pids["temporal"]) - before
    found.seconds = (_moment(ended) - _moment(started)).total_seconds()
    return found


def _moment(stored: str) -> datetime:
    return datetime.fromisoformat(stored)


def _memory(name: str, title: str) -> Row:
    what = f"memory of the {title}, most from 10,000 items on / at 10,000"
    return Row(what, f"{name} peak", f"{name} early", "MiB", at_most=1.1)


FIGURE = Figure(
    "cost",
    (
        Row(
            "time per item in a batch of 100,000 / of 1,000",
            "large wall",
            "small wall",
            "ms",
            None,
            1.1,
        ),
        Row("processor time per item, 100,000 / 1,000", "large CPU", "small CPU", "ms", None, 1.1),
        _memory("worker", "worker"),
        _memory("api", "API"),
        _memory("command", "command that follows"),
        Row("memory of the Temporal server, most", "temporal peak", unit="MiB"),
    ),
    measure,
)
