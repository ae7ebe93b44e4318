"""A hundred files with a fixed number of each fault: every failure class is counted exactly."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.mill import Mill, write_command

COMPLETED = "completed"

SHARES: dict[str, tuple[int, str, dict[str, Any]]] = {
    "good": (60, COMPLETED, {"do": "parse"}),
    "several-pages": (5, COMPLETED, {"do": "parse", "pages": 7}),
    "leaves-a-child": (3, COMPLETED, {"do": "fork", "escape": True}),
    "recovers": (4, COMPLETED, {"do": "flake", "failure_class": "crashed", "times": 2}),
    "segfaults": (6, "crashed", {"do": "segfault"}),
    "exits": (3, "crashed", {"do": "exit", "code": 0}),
    "panics": (3, "engine_error", {"do": "panic"}),
    "raises": (4, "engine_error", {"do": "raise", "message": "no reason"}),
    "hangs": (2, "timeout", {"do": "sleep", "seconds": 600}),
    "eats-memory": (3, "out_of_memory", {"do": "allocate"}),
    "locked": (4, "encrypted", {"do": "fail", "failure_class": "encrypted"}),
    "lies": (3, "too_many_pages", {"do": "lie", "claimed": 3, "pages": 1}),
}
"""By name: how many of them, how each one ends, and what it commands."""


@pytest.mark.timeout(300)
async def test_each_failure_class_is_counted_exactly_in_a_hundred_files(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    for name, (count, _, command) in SHARES.items():
        for number in range(count):
            own = {f: str(tmp_path / f"{name}-{number}.{f}") for f in ("counter", "pid")}
            write_command(folder, f"{name}-{number}.txt", **command, **own)
    limits = {"engine_timeout_seconds": 4, "engine_memory_mb": 384}
    small_mill.settings = small_mill.settings.model_copy(update=limits)
    async with small_mill.faulty_worker():
        batch = await small_mill.run(folder)
    found = Counter(
        (item.path.rpartition("-")[0], item.failure_class or item.status)
        for item in await small_mill.items(batch)
    )
    assert batch.status == "COMPLETED"
    assert sum(found.values()) == 100
    assert found == {(name, ends): count for name, (count, ends, _) in SHARES.items()}
