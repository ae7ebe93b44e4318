"""A synchronous interface to one engine in a real pool, for tests of engines."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from docmill.engines import third_party
from docmill.engines.base import Engine, EngineReport, EngineTask, Limits, ParseResult
from docmill.isolation.pool import EnginePool

T = TypeVar("T")
SECONDS = 60.0
"""Default time limit for one document."""


@dataclass(frozen=True)
class Run:
    """The report and the output folder of one run."""

    report: EngineReport
    folder: Path

    @property
    def result(self) -> ParseResult:
        """The content of ``result.json``."""
        return ParseResult.model_validate_json((self.folder / "result.json").read_bytes())

    @property
    def markdown(self) -> str:
        """The content of ``document.md``."""
        return (self.folder / "document.md").read_text(encoding="utf-8")


class EngineTrial:
    """A pool with one engine, and a folder for documents and results.

    Attributes:
        folder: of documents and results.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, pool: EnginePool, folder: Path) -> None:
        self.folder = folder
        self._loop = loop
        self._pool = pool
        self._runs = 0

    @classmethod
    @contextmanager
    def of(cls, engine: type[Engine], folder: Path) -> Iterator[Self]:
        """Start the pool for an engine class, which must be importable from its module."""
        place = f"{engine.__module__}:{engine.__qualname__}"
        make = third_party.registry_of_class
        engines = f"{make.__module__}:{make.__name__} {place}"
        # The test's thread may already run an event loop; the pool needs one for its whole life.
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="engine-trial")
        thread.start()
        trial = cls(loop, EnginePool(1, engines=engines), folder)
        try:
            trial._wait(trial._pool.start())
            yield trial
        finally:
            trial._wait(trial._pool.close())
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _wait(self, work: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def parse(
        self,
        name: str,
        content: bytes | str,
        parameters: dict[str, Any] | None = None,
        limits: Limits | None = None,
    ) -> Run:
        """Parse a document with this name and content in a child process.

        Raises:
            ItemFailure: as `EnginePool.run` does.
        """
        self._runs += 1
        output = self.folder / f"run-{self._runs}"
        output.mkdir()
        document = self.folder / name
        document.write_bytes(content.encode() if isinstance(content, str) else content)
        task = EngineTask(
            product="parse",
            document=str(document),
            name=name,
            output_dir=str(output),
            parameters=parameters or {},
            limits=limits or Limits(seconds=SECONDS),
        )
        return Run(self._wait(self._pool.run(task)), output)
