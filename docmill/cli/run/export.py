"""Writes results to their destination while a batch runs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

from docmill.batches.service import BatchService
from docmill.cli.console import Console
from docmill.cli.context import CommandContext
from docmill.cli.follow import follow
from docmill.cli.progress import view_for
from docmill.cli.runtime import Connection
from docmill.cli.snapshot import Snapshot
from docmill.cli.waiting import until_database_answers
from docmill.errors import DatabaseAwayError, NotFoundError, UnavailableError
from docmill.outputs.destinations import Destination
from docmill.outputs.export import WINDOW, Exporter
from docmill.outputs.findings import Findings
from docmill.outputs.report import report_template
from docmill.records.scans import ScanSummary
from docmill.records.tables.batches import Batch

EXPORT_SECONDS = 1.0
"""Between two reads of finished files, when few finish."""
SHORT_SECONDS = 0.1
"""Likewise when many finish: in an unchanged folder, thousands a second."""


class BackgroundExport:
    """An exporter that runs while progress is shown."""

    def __init__(self, exporter: Exporter, console: Console) -> None:
        self._exporter = exporter
        self._console = console
        self._task = asyncio.create_task(self._work())

    @property
    def findings(self) -> Findings:
        """The findings in the results, once `finish` has returned."""
        return self._exporter.findings

    def check(self) -> None:
        """Raise the error that stopped the exporter.

        Raises:
            UsageError: the destination may not be written.
        """
        if self._task.done() and not self._task.cancelled():
            self._task.result()

    async def stop(self) -> None:
        """Stop exporting."""
        self._task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await self._task

    async def finish(self, vanished: Sequence[str], vanished_count: int) -> None:
        """Export the rest of the ended batch, its manifest and its report.

        Raises:
            UsageError: the destination may not be written.
            UnavailableError: it cannot be written now, or the store has lost results.
        """
        await self.stop()
        finish = partial(self._exporter.finish, vanished=vanished, vanished_count=vanished_count)
        try:
            await until_database_answers(finish, self._console)
        except NotFoundError as error:
            raise UnavailableError(error.message, error.hint) from None

    async def _work(self) -> None:
        await asyncio.to_thread(report_template)
        notified, pause = False, SHORT_SECONDS
        while True:
            pause = min(pause * 2, EXPORT_SECONDS)
            try:
                if await self._exporter.export_ready() >= WINDOW:
                    pause = SHORT_SECONDS
                notified = False
            except DatabaseAwayError:
                pass  # who follows the batch says so
            except UnavailableError as error:
                if not notified:
                    self._console.print(f"{error.message} Trying again.", style="yellow")
                notified = True
            await asyncio.sleep(pause)


@asynccontextmanager
async def background_export(
    context: CommandContext, batch: Batch, out: Destination, console: Console
) -> AsyncIterator[BackgroundExport]:
    """Export finished files for as long as the block runs."""
    with Exporter(context.database, context.store, batch, out) as exporter:
        export = BackgroundExport(exporter, console)
        try:
            yield export
        finally:
            await export.stop()


async def follow_and_export(
    context: CommandContext,
    service: BatchService,
    batch: Batch,
    out: Destination,
    console: Console,
    *,
    temporal: Connection,
    listed: ScanSummary,
) -> tuple[Snapshot, Findings]:
    """Show the batch until it has ended, with its results in ``out``.

    Returns:
        Its last state, and the findings in its results.

    Args:
        context: the home of the batch.
        service: detects that nothing runs the batch.
        batch: the batch.
        out: the destination of the results.
        console: shows progress.
        temporal: the server that runs it.
        listed: the listing, with the files that have vanished.
    """
    page = temporal.page_of(batch.id)
    console.print(f"Temporal: {page or f'workflow {batch.id} on {temporal.address}'}")
    async with background_export(context, batch, out, console) as export:
        with view_for(console) as view:
            snapshot = await follow(
                context.database, service, batch, view, console=console, on_snapshot=export.check
            )
        await export.finish(listed.vanished, listed.vanished_count)
    return snapshot, export.findings
