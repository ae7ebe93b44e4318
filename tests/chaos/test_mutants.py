"""Every mutated document has a typed outcome in time and affects no other document."""

import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from time import monotonic

import pytest

from docmill.engines.base import EngineTask, Limits
from docmill.errors import DocmillError, FailureClass, ItemFailure
from docmill.isolation.pool import EnginePool
from tests.chaos.mutants import mutant, originals
from tests.chaos.seeds import replay, seeds
from tests.fixtures.corpus import ROOT, find_corpus
from tests.isolation.processes import alive, leftovers

BOUNDED = 150
EVERYTHING = 2_000
MUTANTS_A_SEED = 20

LIMITS = Limits(seconds=8, memory_bytes=1024 * 2**20, output_bytes=256 * 2**20)
LATE = 2.0
"""Seconds that an outcome may come after the limit: killing and reaping take some."""

pytestmark = pytest.mark.timeout(6 * 3600)


class Mill:
    """Runs mutants through one pool and notes how each of them ended."""

    def __init__(self, pool: EnginePool, folder: Path) -> None:
        self.pool = pool
        self.folder = folder
        self.outcomes: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.pids: set[int] = set()
        corpus = find_corpus()
        places = [ROOT / "examples/documents"]
        places += [corpus / "documents", corpus / "hostile"] if corpus else []
        self.documents = originals(*places)

    async def run(self, seed: int) -> None:
        """Run one mutant; what is not as promised is noted with the way to see it again."""
        name, data = await asyncio.to_thread(mutant, seed, self.documents)
        folder = self.folder / f"mutant-{seed}"
        (folder / "out").mkdir(parents=True)
        (folder / name).write_bytes(data)
        task = EngineTask("parse", str(folder / name), name, str(folder / "out"), limits=LIMITS)
        started = [0.0]
        outcome = await self._outcome(task, started)
        took = monotonic() - started[0] if started[0] else 0.0
        self.outcomes[outcome] += 1
        late = took > LIMITS.seconds + LATE
        if late or outcome == FailureClass.INTERNAL or outcome.startswith("!"):
            self.wrong.append(f"{name}: {outcome} in {took:.1f} s; {replay('mutant', seed)}")

    async def _outcome(self, task: EngineTask, started: list[float]) -> str:
        def on_started() -> None:
            started[0] = monotonic()
            self.pids |= self.pool.pids

        try:
            async with asyncio.timeout(10 * LIMITS.seconds):
                report = await self.pool.run(task, on_started=on_started)
        except ItemFailure as failure:
            return failure.failure_class.value
        except (DocmillError, TimeoutError) as error:
            return f"!{type(error).__name__}: {error}"
        whole = (Path(task.output_dir) / "result.json").is_file()
        return ("partial" if report.partial else "parsed") if whole else "!no result"


async def test_every_mutated_document_has_a_typed_outcome_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = tmp_path / "engines"
    engines.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(engines))
    chosen = iter(seeds(BOUNDED, EVERYTHING, factor=MUTANTS_A_SEED))
    async with EnginePool(2, growth_bytes=20 * 1024 * 1024) as pool:
        mill = Mill(pool, tmp_path)

        async def slot() -> None:
            for seed in chosen:
                await mill.run(seed)

        await asyncio.gather(slot(), slot())
        after = tmp_path / "after.txt"
        after.write_text("still alive")
        (tmp_path / "after").mkdir()
        task = EngineTask("parse", str(after), after.name, str(tmp_path / "after"))
        assert (await pool.run(task)).pages_ok == 1
    print(dict(mill.outcomes))
    assert not mill.wrong, "\n".join(mill.wrong)
    assert not [pid for pid in mill.pids if alive(pid)]
    assert leftovers([str(engines)]) == [str(engines)]
    assert list(engines.iterdir()) == []
