"""Engines of one worker: local ones in child processes, remote ones over HTTP."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any
from uuid import uuid4

from docmill.contracts.media_types import decided_by_name
from docmill.contracts.names import LOCAL_ENGINES_QUEUE
from docmill.contracts.words import JobType
from docmill.engines.base import (
    INLINE_BYTES,
    EngineReport,
    EngineTask,
    ParseResult,
    file_state,
)
from docmill.engines.choice import engine_queue
from docmill.errors import UnavailableError
from docmill.isolation.survey import EngineSuite
from docmill.objects.results import RESULT_FILE
from docmill.processing.groups import ItemCosts
from docmill.processing.limits import engine_limits
from docmill.processing.slices import Sliced, SlicedItems, run_of
from docmill.records.database import Database
from docmill.records.ledger import ClaimedItem
from docmill.records.steps import Steps
from docmill.remote.base import RemoteEngine, RemoteJob
from docmill.settings import Settings
from docmill.sources.documents import OpenedDocument
from docmill.tracing.spans import span, traceparent

ABANDON_SECONDS = 2.0
"""Below the five seconds within which a cancelled batch has to end."""

log = logging.getLogger(__name__)
"""Of the standard library: a line that is not written costs nothing."""


@dataclass(frozen=True, slots=True)
class ItemEngines:
    """Runs an item by the engine of its batch.

    Attributes:
        database: stores the steps of remote engines.
        local: runs local engines in child processes.
        suite: the local engines.
        remote: remote engines by name.
        settings: settings of the worker.
        costs: measured costs of local engines, for planning groups.
        on_ran: called with job type, engine and seconds of each successful run.
    """

    database: Database
    local: SlicedItems
    suite: EngineSuite
    remote: Mapping[str, RemoteEngine]
    settings: Settings
    costs: ItemCosts = field(default_factory=ItemCosts)
    on_ran: Callable[[str, str, float], None] | None = None

    def version_of(self, job_type: str, engine: str, name: str) -> str:
        """Return the version of the engines for a file: part of the cache key of its result.

        Args:
            job_type: the product.
            engine: name of the engine; see `docmill.engines.choice`.
            name: name of the file. It counts only if it makes the engine read the same bytes as
                another type.
        """
        decided = decided_by_name(name, self.suite.endings)
        if engine_queue(engine) == LOCAL_ENGINES_QUEUE:
            return f"{self.suite.version_for(job_type)}+as-{decided}"
        remote = self.remote.get(engine)
        if remote is None:
            return f"{engine}-elsewhere"
        if not remote.reads_locally:  # a remote engine may decide by the extension
            return f"+{engine}-{remote.version}+as-{PurePath(name).suffix.lower()}"
        text = self.suite.version_for(JobType.PARSE)
        return f"{text}+{engine}-{remote.version}+as-{decided}"

    async def run(
        self,
        item: ClaimedItem,
        document: OpenedDocument,
        output: Path,
        on_started: Callable[[], None] | None = None,
        sliced: Sliced | None = None,
    ) -> EngineReport:
        """Process one item.

        Args:
            item: the claimed item.
            document: its document; an engine process reads no other file in its place.
            output: folder for ``result.json`` and its attachments, if they are not small enough to
                be in the report; missing or empty, in a writable folder.
            on_started: called when a local engine starts; until then the item waits for one.
            sliced: how to read a large document in slices; None reads it in one process.

        Raises:
            ItemFailure: with a failure class.
            UnavailableError: the engine is unavailable; retry.
            StaleItem: another attempt holds the item, or it has an outcome.
        """
        with span("run_engine", item_id=item.item_id, job_type=item.job_type, engine=item.engine):
            task = self._task(item, document, output)
            if engine_queue(item.engine) == LOCAL_ENGINES_QUEUE:
                return await self._run_here(item, task, sliced, on_started)
            return await self._run_there(item, task, sliced)

    async def _run_there(
        self, item: ClaimedItem, task: EngineTask, sliced: Sliced | None
    ) -> EngineReport:
        await asyncio.to_thread(Path(task.output_dir).mkdir)

        async def read(parameters: dict[str, Any]) -> ParseResult:
            parse = self._parse(task, parameters)
            report = await self._run_here(item, parse, sliced)
            folder = Path(parse.output_dir)
            result = report.contents.get(RESULT_FILE) or (folder / RESULT_FILE).read_bytes()
            return ParseResult.model_validate_json(result)

        job = RemoteJob(task, run_of(item), item.item_id, self._steps(item), read)
        began = time.monotonic()
        report = await self._remote(item).run(job)
        self._note_run(task, report, time.monotonic() - began)
        return report

    async def abandon(self, item: ClaimedItem) -> None:
        """Cancel the remote work of an item of a cancelled batch.

        Work that cannot be cancelled quickly stays in the saved steps, for
        `docmill.upkeep.leftovers`.
        """
        engine = self.remote.get(item.engine)
        if engine is None and not self.local.has_begun(item):
            return
        with suppress(TimeoutError, UnavailableError):
            async with asyncio.timeout(ABANDON_SECONDS):
                if engine is None or await self._is_abandoned(item, engine):
                    await self.local.forget(item)

    async def forget(self, item: ClaimedItem) -> None:
        """Delete the saved steps, because the item has an outcome."""
        if item.engine in self.remote or self.local.has_begun(item):
            await self.local.forget(item)

    async def _run_here(
        self,
        item: ClaimedItem,
        task: EngineTask,
        sliced: Sliced | None,
        on_started: Callable[[], None] | None = None,
    ) -> EngineReport:
        began = None

        def begin() -> None:
            nonlocal began
            began = time.monotonic()
            log.debug("engine.started", extra={"item_id": item.item_id, "attempt": item.attempt})
            if on_started is not None:
                on_started()

        report = await self.local.run(item, task, sliced, begin)
        if began is not None:
            seconds = time.monotonic() - began
            self.costs.note(item.batch_id, item.path, seconds)
            self._note_run(task, report, seconds)
        return report

    def _note_run(self, task: EngineTask, report: EngineReport, seconds: float) -> None:
        if self.on_ran is not None:
            self.on_ran(task.product, report.engine, seconds)

    def _remote(self, item: ClaimedItem) -> RemoteEngine:
        try:
            return self.remote[item.engine]
        except KeyError:
            raise UnavailableError(
                f"This worker has no endpoint for the engine {item.engine}.",
                "Start it with the settings with which the batch was created.",
            ) from None

    def _task(self, item: ClaimedItem, document: OpenedDocument, output: Path) -> EngineTask:
        return EngineTask(
            product=item.job_type,
            document=str(document.path),
            name=item.path,
            output_dir=str(output),
            parameters=item.parameters,
            limits=engine_limits(item.parameters, self.settings),
            file_state=file_state(document.status),
            content=document.content if document.size <= INLINE_BYTES else None,
            inline=True,
            traceparent=traceparent(),
        )

    async def _is_abandoned(self, item: ClaimedItem, engine: RemoteEngine) -> bool:
        return await engine.abandon(item.job_type, run_of(item), self._steps(item))

    def _steps(self, item: ClaimedItem) -> Steps:
        return Steps(self.database, run_of(item))

    def _parse(self, task: EngineTask, parameters: dict[str, Any]) -> EngineTask:
        """Return the task that parses the document locally, in a folder next to the output."""
        folder = Path(task.output_dir).parent / f"text-{uuid4().hex}"
        return replace(
            task,
            product=JobType.PARSE.value,
            output_dir=str(folder),
            parameters=parameters,
            limits=engine_limits(parameters, self.settings),
        )
