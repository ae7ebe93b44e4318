"""Activity for a group of small items, each with its own outcome.

The items are claimed, processed and settled together. A group settles only complete items. Any
other item gets an activity of its own, so that every failure shows in the Temporal UI, and retry
budgets and isolation are those of single items.
"""

import asyncio
import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import structlog
from structlog.contextvars import bound_contextvars
from temporalio import activity

from activities.errors import translated
from activities.heartbeats import heartbeating
from activities.resources import Resources
from docmill.contracts.items import GroupResult, GroupTask, ItemRef, ItemTask, LeftReason
from docmill.contracts.names import PROCESS_GROUP
from docmill.contracts.words import Outcome, SkipReason, Tally
from docmill.engines.base import EngineReport
from docmill.errors import ItemFailure, Retry, UnavailableError
from docmill.objects.results import delete_result
from docmill.processing.documents import Document, ItemDocuments
from docmill.processing.results import (
    Output,
    completed,
    delete_unreferenced,
    prefix_of,
    store_results,
)
from docmill.records.database import Session
from docmill.records.held_items import must_stop
from docmill.records.items import (
    ClaimedItem,
    NewResult,
    NotBegun,
    PeekedItem,
    Settlement,
    group_claim,
)
from docmill.records.ledger import Claim, Ledger
from docmill.records.results import result_id_of

BEGIN_WITHIN = 3.0
"""Seconds after the start of a group during which files are handed to engines. The worker's grace
period of 5 s then suffices for the last one. Other items are returned and planned again."""

LONGEST_FILE = 5.0
"""Seconds in an engine after which a file gets a separate activity."""

SETTLE_AFTER = 0.25
"""Maximum delay of recorded outcomes in seconds, so that counts stay live."""
SETTLE_FILES = 32
"""Maximum number of unrecorded outcomes."""

log = structlog.get_logger(__name__)


class GroupActivities:
    """Runs groups. All effects are idempotent."""

    def __init__(self, resources: Resources) -> None:
        self._database = resources.database
        self._store = resources.store
        self._engines = resources.engines
        self._scratch = resources.scratch
        self._gate = resources.gate
        self._worker = resources.worker
        self._documents = ItemDocuments(self._engines, self._store, resources.settings)

    @activity.defn(name=PROCESS_GROUP)
    @translated
    async def process_group(self, task: GroupTask) -> GroupResult:
        """Process the items of a group as far as they complete cleanly.

        Only failures of the whole group are raised: database or object store unavailable.
        """
        async with heartbeating(), self._gate.entered(), AsyncExitStack() as stack:
            folder = await asyncio.to_thread(self._scratch.make)
            stack.push_async_callback(asyncio.to_thread, shutil.rmtree, folder, ignore_errors=True)
            group = _Group(task)
            await self._claim(group, folder, stack)
            try:
                await self._process(group)
            finally:
                await self._hand_back(group)
            return group.result()

    async def _claim(self, group: "_Group", folder: Path, stack: AsyncExitStack) -> None:
        """Read the documents, and claim the readable ones in one transaction."""
        tasks = group.tasks
        async with self._database.read() as session:
            peeked = await Ledger(session).peek(tasks)
        items = [one.item for one in peeked.values() if not one.suspect]
        documents = await self._documents.read_several(items, folder, stack)
        group.set_apart([one.item for position, one in peeked.items() if position not in documents])
        read_of = {position: document.read for position, document in documents.items()}
        wanted = [
            (task, read_of.get(task.position))
            for task in tasks
            if task.position in read_of or task.position not in peeked
        ]
        if not wanted:
            return
        async with self._database.write() as session:
            claims = await Ledger(session).claim(wanted, group_claim(self._worker, uuid4().hex))
        group.take(claims, peeked, documents, folder)

    async def _process(self, group: "_Group") -> None:
        """Hand each file to an engine while previous results are stored and recorded."""
        recording = asyncio.create_task(self._record_as_made(group))
        try:
            began = time.monotonic()
            for member in group.members:
                if recording.done() or group.stopped:
                    break
                if activity.is_worker_shutdown() or time.monotonic() - began > BEGIN_WITHIN:
                    group.reason = group.reason or LeftReason.OUT_OF_TIME
                    break
                item = member.item
                with bound_contextvars(item_id=item.item_id, project_id=item.project_id):
                    await self._make(group, member)
        finally:
            group.all_made.set()
            await recording

    async def _make(self, group: "_Group", member: "_Member") -> None:
        """Process one file in an engine; without a result, the item is set apart or returned."""
        item = member.item
        clock = asyncio.timeout(None)

        def begin() -> None:
            clock.reschedule(asyncio.get_running_loop().time() + LONGEST_FILE)

        try:
            await delete_unreferenced(self._store, item, item.cleaned_attempts)
            async with clock:
                member.report = await self._engines.run(
                    item, member.document.opened, member.output, begin
                )
        except ItemFailure as failure:
            if failure.retry is Retry.INFRASTRUCTURE:
                group.reason = LeftReason.BUSY
            else:
                group.set_apart([item], charge=failure.retry is Retry.ENGINE)
        except (UnavailableError, OSError):
            if clock.expired():
                group.set_apart([item])
            else:
                group.reason = LeftReason.BUSY
        except Exception:
            log.exception("group.unexpected", batch_id=item.batch_id, item_id=item.item_id)
            group.set_apart([item])
        else:
            group.made.append(member)

    # -- outcomes ---------------------------------------------------------------------------

    async def _record_as_made(self, group: "_Group") -> None:
        """Store and record results until all are done."""
        while not (group.all_made.is_set() and not group.made):
            if len(group.made) < SETTLE_FILES:
                with suppress(TimeoutError):
                    async with asyncio.timeout(SETTLE_AFTER):
                        await group.all_made.wait()
            made, group.made = group.made[:SETTLE_FILES], group.made[SETTLE_FILES:]
            if made:
                await self._record(group, made)
            elif not group.all_made.is_set():
                async with self._database.read() as session:
                    group.stopped = await group.must_stop(session)

    async def _record(self, group: "_Group", made: Sequence["_Member"]) -> None:
        stored = await self._store_results(group, made)
        settling = [pair for member, result in stored for pair in member.settlements(result)]
        async with self._database.write() as session:
            settled = await Ledger(session).settle(settling)
            group.stopped = await group.must_stop(session)
        for prefix in settled.unnamed:
            await delete_result(self._store, prefix)
        group.count(settled.positions, settling)

    async def _store_results(
        self, group: "_Group", made: Sequence["_Member"]
    ) -> Sequence[tuple["_Member", NewResult]]:
        """Store results. A file that changed meanwhile has none."""
        changed = await asyncio.to_thread(lambda: [one for one in made if not one.is_unchanged()])
        made = [member for member in made if member not in changed]
        group.storing(made)
        found = await store_results(self._store, [member.as_output() for member in made])
        stored = [
            (member, result)
            for member, result in zip(made, found, strict=True)
            if isinstance(result, NewResult)
        ]
        whole = {member.item.position for member, _ in stored}
        group.set_apart([it.item for it in (*changed, *made) if it.item.position not in whole])
        return stored

    async def _hand_back(self, group: "_Group") -> None:
        """Hand back items without an outcome; if that fails, their next claim takes them."""
        if not group.held:
            return
        try:
            async with self._database.write() as session:
                ledger = Ledger(session)
                await ledger.hand_back(group.to_leave())
                await ledger.hand_back(group.to_set_apart(charged=False), alone=True)
                await ledger.hand_back(
                    group.to_set_apart(charged=True), alone=True, engine_failure=True
                )
        except UnavailableError:
            log.warning("group.not_handed_back", batch_id=group.task.batch_id)


@dataclass(slots=True, eq=False)
class _Member:
    """A claimed item of a group.

    Attributes:
        item: the claim.
        document: its bytes.
        output: folder for the engine's output, if it is large.
        twins: unclaimed items with the same bytes, which share its result.
        report: report of the engine, after its run.
    """

    item: ClaimedItem
    document: Document
    output: Path
    twins: list[ClaimedItem] = field(default_factory=list)
    report: EngineReport | None = None

    def is_unchanged(self) -> bool:
        try:
            self.document.opened.check_unchanged()
        except ItemFailure:
            return False
        return True

    def as_output(self) -> Output:
        assert self.report is not None
        return Output(prefix_of(self.item), self.document.cache_key, self.report, self.output)

    def settlements(self, result: NewResult) -> Sequence[tuple[ClaimedItem, Settlement]]:
        """Return the settlements of the item and of its twins."""
        assert self.report is not None
        sha256 = self.document.opened.sha256
        own = completed(self.item, sha256, self.report, result)
        if not self.twins:
            return [(self.item, own)]
        shared = Settlement(
            outcome=Outcome.SKIPPED,
            sha256=sha256,
            existing_result_id=result_id_of(self.item.project_id, result.cache_key),
            skip_reason=SkipReason.ALREADY_PROCESSED,
        )
        return [(self.item, own), *((twin, shared) for twin in self.twins)]


class _Group:
    """State of the items of one group.

    Attributes:
        task: the items of the group.
        members: claimed items.
        made: members with a result that is not recorded yet.
        all_made: set when there will be no more results.
        stopped: whether the batch must not start more items.
        reason: reason for returned items.
    """

    def __init__(self, task: GroupTask) -> None:
        self.task = task
        self.members: list[_Member] = []
        self.made: list[_Member] = []
        self.all_made = asyncio.Event()
        self.stopped = False
        self.reason: LeftReason | None = None
        self._tally = Tally()
        self._ended: set[int] = set()
        self._apart: dict[int, ClaimedItem] = {}
        self._charged: set[int] = set()
        self._unread: list[ClaimedItem] = []
        self._stored: set[int] = set()

    @property
    def tasks(self) -> list[ItemTask]:
        """The items as single tasks."""
        return [
            ItemTask(
                batch_id=self.task.batch_id,
                epoch=self.task.epoch,
                position=position,
                planned_concurrency=self.task.planned_concurrency,
            )
            for position in self.task.positions
        ]

    @property
    def held(self) -> list[ClaimedItem]:
        """Claimed items without an outcome."""
        members = [one.item for one in self.members if one.item.position not in self._ended]
        return [*members, *self._unread]

    def take(
        self,
        claims: Mapping[int, Claim],
        peeked: Mapping[int, PeekedItem],
        documents: Mapping[int, Document],
        folder: Path,
    ) -> None:
        """Add the effects of the claim."""
        makers: dict[str, _Member] = {}
        waiting = []
        for position, claim in sorted(claims.items()):
            match claim:
                case ClaimedItem() if position in documents:
                    member = _Member(claim, documents[position], folder / f"output-{position}")
                    self.members.append(member)
                    makers[member.document.cache_key] = member
                case ClaimedItem():  # it had an outcome before: a redrive started
                    self._unread.append(claim)
                case Outcome():
                    self._end(position, claim)
                case NotBegun.BEING_MADE:
                    waiting.append(position)
                case NotBegun.HELD:
                    self.reason, self.stopped = LeftReason.HELD, True
                case NotBegun.ALONE:
                    self.set_apart([peeked[position].item])
        for position in waiting:
            maker = makers.get(documents[position].cache_key)
            if maker is None:
                self.reason = self.reason or LeftReason.BUSY
            else:
                maker.twins.append(peeked[position].item)

    async def must_stop(self, session: Session) -> bool:
        """Return whether the batch must not start items: it is paused, ending, or was redriven."""
        return await must_stop(session, self.task.batch_id, self.task.epoch)

    def set_apart(self, items: Sequence[ClaimedItem], *, charge: bool = False) -> None:
        """Set items apart for single activities; ``charge`` counts an engine failure of each."""
        self._apart |= {item.position: item for item in items}
        if charge:
            self._charged |= {item.position for item in items}

    def storing(self, members: Sequence[_Member]) -> None:
        """Record that the store may contain their results from now on."""
        self._stored |= {member.item.position for member in members}

    def count(
        self,
        positions: Collection[int],
        settling: Sequence[tuple[ClaimedItem, Settlement]],
    ) -> None:
        """Count recorded outcomes. Items that were not settled are held by another claim."""
        for item, settlement in settling:
            if item.position in positions:
                self._end(item.position, settlement.outcome)

    def to_leave(self) -> list[ClaimedItem]:
        """Return the held items to return to the workflow, for `Ledger.hand_back`."""
        return [self._as_it_is(item) for item in self.held if item.position not in self._apart]

    def to_set_apart(self, *, charged: bool) -> list[ClaimedItem]:
        """Return the held items that are set apart, for `Ledger.hand_back`."""
        return [
            self._as_it_is(item)
            for item in self.held
            if item.position in self._apart and (item.position in self._charged) is charged
        ]

    def result(self) -> GroupResult:
        """Return the outcome of each item."""
        left = tuple(
            position
            for position in self.task.positions
            if position not in self._ended and position not in self._apart
        )
        if self.stopped:
            self.reason = LeftReason.HELD
        return GroupResult(
            settled=self._tally,
            alone=tuple(
                ItemRef.of(position, item.name) for position, item in sorted(self._apart.items())
            ),
            left=left,
            reason=(self.reason or LeftReason.BUSY) if left else None,
        )

    def _end(self, position: int, outcome: Outcome) -> None:
        self._ended.add(position)
        self._tally = self._tally.plus(outcome)

    def _as_it_is(self, item: ClaimedItem) -> ClaimedItem:
        """Return the item with the attempts that may have left objects in the store."""
        if item.position in self._stored:
            return item
        return replace(item, cleaned_attempts=item.attempt) if item.clean else item
