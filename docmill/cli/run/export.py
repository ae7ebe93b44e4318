"""Writing results to the output folder while a batch runs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from docmill.cli.console import Voice
from docmill.cli.context import Office
from docmill.errors import NotFoundError, UnavailableError
from docmill.outputs.export import Exporter
from docmill.outputs.findings import Findings
from docmill.outputs.report import report_template
from docmill.records.tables.batches import Batch

EXPORT_SECONDS = 1.0
"""Between two looks for finished files."""


class Exporting:
    """An exporter at work beside the display of progress."""

    def __init__(self, exporter: Exporter, voice: Voice) -> None:
        self._exporter = exporter
        self._voice = voice
        self._task = asyncio.create_task(self._work())

    @property
    def findings(self) -> Findings:
        """What the results say, once `finish` has returned."""
        return self._exporter.findings

    def check(self) -> None:
        """Raise what made the exporter give up, so that nobody waits for its results in vain.

        Raises:
            UsageError: the output folder may not be written.
        """
        if self._task.done() and not self._task.cancelled():
            self._task.result()

    async def stop(self) -> None:
        """Stop looking for finished files."""
        self._task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await self._task

    async def finish(self, vanished: Sequence[str], vanished_count: int) -> None:
        """Export the rest of the ended batch, its manifest and its report.

        Raises:
            UsageError: the output folder may not be written.
            UnavailableError: it cannot be written now, or the store has lost results.
        """
        await self.stop()
        try:
            await self._exporter.finish(vanished=vanished, vanished_count=vanished_count)
        except NotFoundError as error:
            raise UnavailableError(error.message, error.hint) from None

    async def _work(self) -> None:
        await asyncio.to_thread(report_template)
        told = False
        while True:
            try:
                await self._exporter.export_ready()
                told = False
            except UnavailableError as error:
                if not told:
                    self._voice.say(f"{error.message} Trying again.", style="yellow")
                told = True
            await asyncio.sleep(EXPORT_SECONDS)


@asynccontextmanager
async def exporting(
    office: Office, batch: Batch, out: Path, voice: Voice
) -> AsyncIterator[Exporting]:
    """Export finished files for as long as the block runs."""
    with Exporter(office.database, office.store, batch, out) as exporter:
        at_work = Exporting(exporter, voice)
        try:
            yield at_work
        finally:
            await at_work.stop()
