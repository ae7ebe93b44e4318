"""One run over a source: resume or create its batch, follow, export, summarise."""

from dataclasses import dataclass, field
from functools import partial
from time import monotonic

from docmill.batches.service import BatchService
from docmill.cli.console import Console
from docmill.cli.context import CommandContext, command_actor, open_context
from docmill.cli.run.export import follow_and_export
from docmill.cli.run.request import Plan
from docmill.cli.run.start import (
    Scanned,
    create,
    needs_upload,
    next_number,
    one_at_a_time,
    scan,
    unfinished_of,
)
from docmill.cli.run.summary import RunSummary, print_left_out, summary_of
from docmill.cli.runtime import Runtime
from docmill.cli.snapshot import Snapshot
from docmill.cli.waiting import until_database_answers
from docmill.contracts.words import BatchStatus
from docmill.outputs.findings import Findings
from docmill.records.scans import ScanSummary
from docmill.records.tables.batches import Batch
from docmill.settings import Settings

SHOWN = 10
"""Vanished files that are named; the report names more."""


@dataclass
class Run:
    """One run command.

    Attributes:
        began: start of the command, by the monotonic clock.
        batch: the current batch; None before there is one.
        findings: those of the batch that ended last.
        by_upload: whether the files go to the store, because workers cannot read the folder.
    """

    plan: Plan
    console: Console
    runtime: Runtime
    began: float = field(default_factory=monotonic)
    batch: Batch | None = None
    findings: Findings | None = None
    by_upload: bool = False

    async def execute(self, settings: Settings) -> RunSummary:
        """Resume the unfinished batch, if there is one; then process what is new."""
        async with open_context(settings) as context:
            if self.runtime.remote:
                temporal = await self.runtime.connection()
                self.by_upload = await needs_upload(context, temporal, self.console)
            service = context.batches(self.runtime, command_actor("create_batch"))
            snapshot = await self._process(context, service)
            temporal = await self.runtime.connection()
            summary = partial(
                summary_of,
                context.database,
                snapshot,
                self.plan.out.location,
                page=temporal.page_of(snapshot.batch.id),
                seconds=monotonic() - self.began,
                findings=self.findings,
            )
            return await until_database_answers(summary, self.console)

    async def _process(self, context: CommandContext, service: BatchService) -> Snapshot:
        async with one_at_a_time(context, self.plan):
            unfinished = partial(unfinished_of, context, service, self.plan)
            batch = await until_database_answers(unfinished, self.console)
            if batch is None:
                scanned = await self._scan(context)
                batch = await self._create(context, service, scanned)
            else:
                scanned = None
                self.console.print(f"Resuming the unfinished batch {batch.id}.", style="bold")
        snapshot = await self._follow(context, service, batch, scanned)
        if scanned is None and snapshot.batch.status == BatchStatus.COMPLETED:
            return await self._follow_up(context, service, snapshot)
        return snapshot

    async def _follow_up(
        self, context: CommandContext, service: BatchService, before: Snapshot
    ) -> Snapshot:
        """Process files that came or changed while the resumed batch was unfinished."""
        async with one_at_a_time(context, self.plan):
            scanned = await self._scan(context)
            if not scanned.has_more_than(before.batch):
                return before
            self.console.print(
                "Files came or changed since that batch began; a follow-up batch processes them."
            )
            batch = await self._create(context, service, scanned)
        return await self._follow(context, service, batch, scanned)

    async def _create(
        self, context: CommandContext, service: BatchService, scanned: Scanned
    ) -> Batch:
        number = await until_database_answers(
            partial(next_number, context, self.plan), self.console
        )
        new = partial(create, service, self.plan, scanned, number)
        batch = self.batch = await until_database_answers(new, self.console)
        await service.start(batch)
        self.console.print(f"Batch {batch.id}: {batch.total:,} files.", style="bold")
        return batch

    async def _follow(
        self, context: CommandContext, service: BatchService, batch: Batch, scanned: Scanned | None
    ) -> Snapshot:
        """Follow a batch to its end, and export finished files."""
        self.batch = batch
        vanished = scanned.summary if scanned else ScanSummary(batch.total, 0, 0)
        temporal = await self.runtime.connection()
        snapshot, self.findings = await follow_and_export(
            context,
            service,
            batch,
            self.plan.out,
            self.console,
            temporal=temporal,
            listed=vanished,
        )
        return snapshot

    async def _scan(self, context: CommandContext) -> Scanned:
        listing = partial(scan, context, self.plan, by_upload=self.by_upload)
        scanned = await until_database_answers(listing, self.console)
        gone = scanned.summary.vanished
        if gone:
            more = f" and {scanned.summary.vanished_count - SHOWN:,} more"
            named = ", ".join(gone[:SHOWN]) + (more if len(gone) > SHOWN else "")
            self.console.print(f"Gone since the last run: {named}")
        print_left_out(self.console, scanned.summary.left_out)
        return scanned
