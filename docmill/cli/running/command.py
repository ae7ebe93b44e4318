"""The command run: resume or begin, follow, export, say how it ended."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from docmill.cli.exits import Exit
from docmill.cli.interruption import until_interrupted
from docmill.cli.office import Office, Runtime, open_office, open_runtime
from docmill.cli.options import program
from docmill.cli.running.attending import attend
from docmill.cli.running.left_out import say_left_out
from docmill.cli.running.placing import needs_upload
from docmill.cli.running.request import Plan
from docmill.cli.running.starting import Scanned, create, one_at_a_time, scan, unfinished_of
from docmill.cli.running.summary import ending_of, print_ending
from docmill.cli.snapshot import Snapshot
from docmill.cli.voice import Voice
from docmill.contracts import BatchStatus
from docmill.outputs.findings import Findings
from docmill.records.scans import ScanSummary
from docmill.records.tables import Batch

SHOWN = 10
"""Vanished files that are named; the report names more."""


async def run_plan(plan: Plan, *, as_json: bool, profile: str | None, home: Path | None) -> int:
    """Run the main job on a folder and return the command's exit code."""
    run = Run(plan, Voice(as_json=as_json), profile)
    code = await until_interrupted(run.perform(home), run.voice.say_stopping)
    if code is None:
        run.say_interrupted()
        return Exit.INTERRUPTED
    return code


@dataclass
class Run:
    """One run command.

    Attributes:
        batch: the batch that it is at now; None before there is one.
        findings: what the results of the batch that ended last say.
        remote: whether the server is one that the user named.
        by_upload: whether the files go to the store, because workers cannot read the folder.
    """

    plan: Plan
    voice: Voice
    profile: str | None
    batch: Batch | None = None
    findings: Findings | None = None
    remote: bool = False
    by_upload: bool = False

    async def perform(self, home: Path | None) -> int:
        """Resume the unfinished batch, if there is one; then process what is new."""
        began = monotonic()
        await asyncio.to_thread(self.plan.claim_out)
        async with open_office(home) as office:
            async with open_runtime(office, self.profile, self.voice.say) as runtime:
                self.remote = runtime.remote
                self.by_upload = runtime.remote and await needs_upload(office, runtime, self.voice)
                snapshot = await self._process(office, runtime)
            page = runtime.page_of(snapshot.batch.id)
            ending = await ending_of(
                office.database,
                snapshot,
                self.plan.out,
                page=page,
                seconds=monotonic() - began,
                findings=self.findings,
            )
        self.voice.answer(ending.as_json())
        print_ending(self.voice, ending)
        return ending.code

    async def _process(self, office: Office, runtime: Runtime) -> Snapshot:
        async with one_at_a_time(office, self.plan):
            batch = await unfinished_of(office, runtime.service, self.plan)
            if batch is None:
                scanned = await self._scan(office)
                batch = await self._create(office, runtime, scanned)
            else:
                scanned = None
                self.voice.say(f"Resuming the unfinished batch {batch.id}.", style="bold")
        snapshot = await self._attend(office, runtime, batch, scanned)
        if scanned is None and snapshot.batch.status == BatchStatus.COMPLETED:
            return await self._follow_up(office, runtime, snapshot)
        return snapshot

    async def _follow_up(self, office: Office, runtime: Runtime, before: Snapshot) -> Snapshot:
        """Take what came or changed while the resumed batch was unfinished."""
        async with one_at_a_time(office, self.plan):
            scanned = await self._scan(office)
            if not scanned.has_more_than(before.batch):
                return before
            self.voice.say("Files came or changed since that batch began; a follow-up takes them.")
            batch = await self._create(office, runtime, scanned)
        return await self._attend(office, runtime, batch, scanned)

    async def _create(self, office: Office, runtime: Runtime, scanned: Scanned) -> Batch:
        batch = await create(office, runtime.service, self.plan, scanned)
        self.voice.say(f"Batch {batch.id}: {batch.total:,} files.", style="bold")
        return batch

    async def _attend(
        self, office: Office, runtime: Runtime, batch: Batch, scanned: Scanned | None
    ) -> Snapshot:
        """Stay with a batch to its end, exporting what gets finished."""
        self.batch = batch
        vanished = scanned.summary if scanned else ScanSummary(batch.total, 0, 0)
        snapshot, self.findings = await attend(
            office, runtime, batch, self.plan.out, self.voice, listed=vanished
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

    def say_interrupted(self) -> None:
        """Say what is kept, and how to go on."""
        if self.batch is None:
            self.voice.say("Interrupted before a batch was made.")
            return
        batch_id = self.batch.id
        goes_on = "goes on without this command" if self.remote else "is kept"
        self.voice.say(f"Interrupted. The batch {batch_id} {goes_on}.", style="bold")
        self.voice.say("Resume it:  run the same command again")
        self.voice.say(f"Cancel it:  {program()} cancel {batch_id}")
