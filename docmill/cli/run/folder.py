"""One run over a folder: resume or begin, follow, export, collect how it ended."""

from dataclasses import dataclass, field
from time import monotonic

from docmill.batches.service import BatchService
from docmill.cli.console import Voice
from docmill.cli.context import Office, open_office
from docmill.cli.run.follow import attend
from docmill.cli.run.request import Plan
from docmill.cli.run.start import Scanned, create, needs_upload, one_at_a_time, scan, unfinished_of
from docmill.cli.run.summary import Ending, ending_of, say_left_out
from docmill.cli.runtime import Runtime
from docmill.cli.snapshot import Snapshot
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
        began: when it did, by the monotonic clock.
        batch: the batch that it is at now; None before there is one.
        findings: what the results of the batch that ended last say.
        by_upload: whether the files go to the store, because workers cannot read the folder.
    """

    plan: Plan
    voice: Voice
    runtime: Runtime
    began: float = field(default_factory=monotonic)
    batch: Batch | None = None
    findings: Findings | None = None
    by_upload: bool = False

    async def perform(self, settings: Settings) -> Ending:
        """Resume the unfinished batch, if there is one; then process what is new."""
        async with open_office(settings) as office:
            if self.runtime.remote:
                temporal = await self.runtime.connection()
                self.by_upload = await needs_upload(office, temporal, self.voice)
            snapshot = await self._process(office, office.batches(self.runtime))
            temporal = await self.runtime.connection()
            return await ending_of(
                office.database,
                snapshot,
                self.plan.out,
                page=temporal.page_of(snapshot.batch.id),
                seconds=monotonic() - self.began,
                findings=self.findings,
            )

    async def _process(self, office: Office, service: BatchService) -> Snapshot:
        async with one_at_a_time(office, self.plan):
            batch = await unfinished_of(office, service, self.plan)
            if batch is None:
                scanned = await self._scan(office)
                batch = await self._create(office, service, scanned)
            else:
                scanned = None
                self.voice.say(f"Resuming the unfinished batch {batch.id}.", style="bold")
        snapshot = await self._attend(office, service, batch, scanned)
        if scanned is None and snapshot.batch.status == BatchStatus.COMPLETED:
            return await self._follow_up(office, service, snapshot)
        return snapshot

    async def _follow_up(self, office: Office, service: BatchService, before: Snapshot) -> Snapshot:
        """Take what came or changed while the resumed batch was unfinished."""
        async with one_at_a_time(office, self.plan):
            scanned = await self._scan(office)
            if not scanned.has_more_than(before.batch):
                return before
            self.voice.say("Files came or changed since that batch began; a follow-up takes them.")
            batch = await self._create(office, service, scanned)
        return await self._attend(office, service, batch, scanned)

    async def _create(self, office: Office, service: BatchService, scanned: Scanned) -> Batch:
        batch = self.batch = await create(office, service, self.plan, scanned)
        await service.start(batch)
        self.voice.say(f"Batch {batch.id}: {batch.total:,} files.", style="bold")
        return batch

    async def _attend(
        self, office: Office, service: BatchService, batch: Batch, scanned: Scanned | None
    ) -> Snapshot:
        """Stay with a batch to its end, exporting what gets finished."""
        self.batch = batch
        vanished = scanned.summary if scanned else ScanSummary(batch.total, 0, 0)
        temporal = await self.runtime.connection()
        snapshot, self.findings = await attend(
            office,
            service,
            batch,
            self.plan.out,
            self.voice,
            temporal=temporal,
            listed=vanished,
        )
        return snapshot

    async def _scan(self, office: Office) -> Scanned:
        scanned = await scan(office, self.plan, by_upload=self.by_upload)
        gone = scanned.summary.vanished
        if gone:
            more = f" and {scanned.summary.vanished_count - SHOWN:,} more"
            named = ", ".join(gone[:SHOWN]) + (more if len(gone) > SHOWN else "")
            self.voice.say(f"Gone since the last run: {named}")
        say_left_out(self.voice, scanned.summary.left_out)
        return scanned
