"""The engines of one worker: an item's file goes to a child process or over the network."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any
from uuid import uuid4

from docmill.choosing import engine_queue
from docmill.contracts import LOCAL_ENGINES_QUEUE, JobType
from docmill.engines.base import EngineReport, EngineTask, ParseResult
from docmill.engines.media import decided_by_name
from docmill.errors import UnavailableError
from docmill.isolation.pool import EnginePool
from docmill.isolation.survey import EngineSuite
from docmill.item_groups import ItemCosts
from docmill.item_limits import engine_limits
from docmill.objects.results import RESULT_FILE
from docmill.records.database import Database
from docmill.records.ledger import ClaimedItem
from docmill.records.steps import Steps
from docmill.remote.base import RemoteEngine, RemoteJob
from docmill.settings import Settings

CHILD_WAIT_SECONDS = 60.0
"""For a free engine process. An item whose neighbours take longer goes back to its task queue,
from where any worker takes it again: it is charged to nobody, and its time has not begun."""

ABANDON_SECONDS = 2.0
"""A cancelled batch is to be over within five."""


@dataclass(frozen=True, slots=True)
class ItemEngines:
    """Runs an item by the engine that its batch was created with.

    Attributes:
        database: where remote engines save their steps.
        pool: child processes for local engines.
        suite: which local engines those have.
        remote: engines over HTTP, by name.
        settings: limits.
        costs: what local engines took, for planning groups.
    """

    database: Database
    pool: EnginePool
    suite: EngineSuite
    remote: Mapping[str, RemoteEngine]
    settings: Settings
    costs: ItemCosts = field(default_factory=ItemCosts)

    def version_of(self, job_type: str, engine: str, name: str) -> str:
        """Return the identity of what makes a result of a file: part of the result's cache key.

        Args:
            job_type: the product.
            engine: what runs it; see `docmill.choosing`.
            name: of the file. Names that let the engine read the same bytes as another type have
                other results; nothing else of a name counts.
        """
        decided = decided_by_name(name, self.suite.endings)
        if engine_queue(engine) == LOCAL_ENGINES_QUEUE:
            return f"{self.suite.version_for(job_type)}+as-{decided}"
        remote = self.remote.get(engine)
        if remote is None:
            return f"{engine}-elsewhere"
        if not remote.reads_locally:  # what it decides by the name, it alone knows
            return f"+{engine}-{remote.version}+as-{PurePath(name).suffix.lower()}"
        text = self.suite.version_for(JobType.PARSE)
        return f"{text}+{engine}-{remote.version}+as-{decided}"

    async def run(
        self,
        item: ClaimedItem,
        document: Path,
        output: Path,
        on_started: Callable[[], None] | None = None,
    ) -> EngineReport:
        """Work on one item.

        Args:
            item: as claimed.
            document: a readable copy of its bytes.
            output: an empty folder for ``result.json`` and what it names.
            on_started: called when a local engine begins; until then the item waits for one.

        Raises:
            ItemFailure: with the class that fits.
            UnavailableError: the engine cannot be had now; trying again is right.
        """
        task = self._task(item, document, output)
        if engine_queue(item.engine) == LOCAL_ENGINES_QUEUE:
            return await self._run_here(item, task, on_started)
        return await self._remote(item).run(self._job(item, task))

    async def abandon(self, item: ClaimedItem) -> None:
        """End what still runs for ``item`` elsewhere, as its batch was cancelled.

        What cannot be ended quickly stays in its saved steps, for `docmill.leftovers`.
        """
        if item.engine not in self.remote:
            return
        steps, engine = self._steps(item), self.remote[item.engine]
        with suppress(TimeoutError, UnavailableError):
            async with asyncio.timeout(ABANDON_SECONDS):
                if await engine.abandon(item.job_type, run_of(item), steps):
                    await steps.forget()

    async def forget(self, item: ClaimedItem) -> None:
        """Drop what was saved for retries: the item has its outcome."""
        if item.engine in self.remote:
            await self._steps(item).forget()

    async def _run_here(
        self, item: ClaimedItem, task: EngineTask, on_started: Callable[[], None] | None = None
    ) -> EngineReport:
        began = 0.0

        def begin() -> None:
            nonlocal began
            began = time.monotonic()
            if on_started is not None:
                on_started()

        report = await self.pool.run(
            task, project=item.project_id, within=CHILD_WAIT_SECONDS, on_started=begin
        )
        self.costs.note(item.batch_id, item.path, time.monotonic() - began)
        return report

    def _remote(self, item: ClaimedItem) -> RemoteEngine:
        try:
            return self.remote[item.engine]
        except KeyError:
            raise UnavailableError(
                f"This worker has no endpoint for the engine {item.engine}.",
                "Start it with the settings that the batch was created with.",
            ) from None

    def _task(self, item: ClaimedItem, document: Path, output: Path) -> EngineTask:
        return EngineTask(
            product=item.job_type,
            document=str(document),
            name=item.path,
            output_dir=str(output),
            parameters=item.parameters,
            limits=engine_limits(item.parameters, self.settings),
        )

    def _job(self, item: ClaimedItem, task: EngineTask) -> RemoteJob:
        async def read(parameters: dict[str, Any]) -> ParseResult:
            return await self._read(item, task, parameters)

        steps = self._steps(item)
        return RemoteJob(task, run_of(item), item.item_id, steps, read)

    def _steps(self, item: ClaimedItem) -> Steps:
        return Steps(self.database, run_of(item))

    async def _read(
        self, item: ClaimedItem, task: EngineTask, parameters: dict[str, Any]
    ) -> ParseResult:
        """Parse the document locally, beside the output rather than in it."""
        folder = Path(task.output_dir).parent / f"text-{uuid4().hex}"
        folder.mkdir()
        limits = engine_limits(parameters, self.settings)
        parse = replace(
            task,
            product=JobType.PARSE.value,
            output_dir=str(folder),
            parameters=parameters,
            limits=limits,
        )
        await self._run_here(item, parse)
        return ParseResult.model_validate_json((folder / RESULT_FILE).read_bytes())


def run_of(item: ClaimedItem) -> str:
    """Return what all attempts of this run of the item share, and no other run has."""
    return f"{item.job_id}-{item.epoch}"
