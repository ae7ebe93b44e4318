"""BatchWorkflow: processes the files of a frozen listing, page by page."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from temporalio import workflow
from temporalio.common import Priority
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    # Plain data and references to activities: reloading them triples the cost of the sandbox.
    from activities.admission import AdmissionActivities
    from activities.batches import BatchActivities
    from activities.groups import GroupActivities
    from activities.items import ItemActivities
    from activities.pages import ListingActivities
    from docmill.contracts import batches, items, names
    from docmill.contracts.batches import (
        BatchInput,
        BatchResult,
        BatchState,
        FailedItem,
        OpenedBatch,
        StateChange,
        SteeringState,
    )
    from docmill.contracts.items import (
        GroupTask,
        ItemGroup,
        ItemRef,
        ItemTask,
        LeftReason,
        Page,
    )
    from docmill.contracts.words import BatchStatus, Tally
    from docmill.errors import FailureClass, bounded
    from workflows import display, errors, history, policies
    from workflows.display import Phase
    from workflows.window import Window, ignore_result

MAX_SWEEPS = 3
"""Sweeps for items without an outcome before the batch fails and names them."""

KEPT_FAILURES = 20
"""Latest failures that a run keeps for the ``failures`` query. The ledger has all of them."""

FAILURE_THRESHOLD, LOST_FILES = "FailureThreshold", "Lost"
"""Error types of a failed batch: too many files failed; files have no outcome."""

# Patch markers. Histories without a marker keep the behaviour with which they were recorded.

INTERRUPTED = "attempts-cut-short-are-cancelled"
"""Without it, items whose activity is interrupted by the batch's cancel are recorded as lost."""

ALWAYS_RECORDED = "steering-is-recorded-in-every-phase"
"""Without it, changes during the close are not recorded, and items start during a recording."""


@workflow.defn(name=names.BATCH_WORKFLOW)
class BatchWorkflow:
    """Runs one batch. The workflow id is the batch id, so a second start finds the first.

    Queries only read. Signals and the update change the state and record it in the batch row, where
    every process sees it. The workflow checks the state before it starts an item.
    """

    @workflow.init
    def __init__(self, batch: BatchInput) -> None:
        self._batch = batch
        self._state = batch.carried or BatchState()
        self._phase = Phase.OPENING if self._state.opened is None else Phase.RUNNING
        self._window = Window()
        self._return_to: int | None = None  # first item that the next run has to start
        self._admitted = 0  # items that this run started
        self._recorder = asyncio.Lock()
        self._recording = False
        self._changes = 0  # signals and updates that this run has received
        self._updated_at = datetime.min.replace(tzinfo=UTC)  # when the details were set

    @workflow.run
    async def run(self, batch: BatchInput) -> BatchResult:
        """Process the listing, then sweep items without an outcome, until every file has one.

        A run whose history is full, or whose version is superseded, continues as new at its cursor.
        """
        try:
            await self._open()
            await self._wait_for_admission()
            while True:
                finished = await self._process_listing()
                if not finished and not self._state.stopping:
                    workflow.continue_as_new(
                        await self._next_run(), initial_versioning_behavior=policies.UPGRADE
                    )
                if self._state.stop_reason is not None and not self._state.cancelling:
                    await self._fail(self._state.stop_reason, FAILURE_THRESHOLD)
                result = await self._close()
                if not result.unaccounted:
                    return await self._end(result)
                await self._begin_sweep(result)
        except (asyncio.CancelledError, ActivityError) as error:
            if not is_cancelled_exception(error):
                await self._fail(*errors.describe(error), cause=error)
            self._state.cancel_reason = self._state.cancel_reason or "cancelled through Temporal"
            result = await self._close()
            while result.unaccounted and not history.is_full(0):  # a late page added items
                result = await self._close()
            await self._end(result)
            if result.status is BatchStatus.CANCELLED:
                raise
            return result

    # -- open -------------------------------------------------------------------------------

    async def _open(self) -> None:
        """Open the batch in the first run. Earlier signals take precedence over the batch row."""
        state = self._state
        if state.opened is None:
            opened = await workflow.execute_activity_method(
                BatchActivities.open_batch,
                batches.OpenRequest(
                    batch_id=self._batch.batch_id,
                    spec=self._batch.spec,
                    redrive=self._batch.redrive,
                ),
                **self._options(policies.OPEN, "open the batch"),
            )
            state.begin(opened)
            self._phase = Phase.RUNNING if opened.admitted else Phase.THROTTLED
            workflow.upsert_memo(display.memo(opened))
            workflow.logger.info("batch.opened", extra={"total": opened.total})
            if state.differs_from(opened):
                await self._record_state()
        self._publish()

    async def _wait_for_admission(self) -> None:
        """Wait until the project may run another batch; a cancel ends the wait."""
        if self._opened.admitted:
            return
        admission = asyncio.ensure_future(
            workflow.execute_activity_method(
                AdmissionActivities.admit_batch,
                batches.AdmitRequest(batch_id=self._batch.batch_id),
                **self._options(policies.ADMIT, "wait for a place"),
            )
        )
        await workflow.wait_condition(lambda: admission.done() or self._state.cancelling)
        if self._state.cancelling:
            admission.add_done_callback(ignore_result)
            admission.cancel()
            return
        self._state.opened = await admission
        self._phase = Phase.RUNNING
        self._publish()
        workflow.logger.info("batch.admitted")

    # -- the listing ------------------------------------------------------------------------

    async def _process_listing(self) -> bool:
        """Process the listing after the cursor, and prefetch the next page meanwhile.

        Returns:
            Whether the end was reached; otherwise this run starts no more items.
        """
        if self._state.runs == 1 and history.is_superseded():  # it waited in line
            return False
        page: Page | None = await self._fetch(self._state.cursor)
        while page is not None:
            upcoming = self._prefetch(page)
            await self._process_page(page)
            if self._finishing or (page.more and history.is_superseded()):
                upcoming.cancel()
                self._phase = Phase.LEAVING
                await self._settle()
                return False
            page = await upcoming
        await self._settle()
        return self._return_to is None

    async def _fetch(self, after: int) -> Page | None:
        """Return the page after ``after``, or None at the end of the listing."""
        left = self._opened.continue_as_new_threshold - self._admitted
        page = await workflow.execute_activity_method(
            ListingActivities.next_page,
            items.PageRequest(
                batch_id=self._batch.batch_id,
                epoch=self._opened.epoch,
                after=after,
                limit=max(1, min(self._opened.page_size, left)),
                count_after=self._state.counted,
                unfinished_only=self._opened.unfinished_only or self._state.sweep > 0,
                group_up_to=1 if self._state.sweep > 0 else self._opened.group_up_to,
            ),
            **self._options(policies.RECORD, f"files behind {after:,}"),
        )
        return page if page.cursor > after else None

    def _prefetch(self, page: Page) -> asyncio.Task[Page | None]:
        """Fetch the page after ``page``, if there is one, while its items are processed."""

        async def upcoming() -> Page | None:
            return await self._fetch(page.cursor) if page.more else None

        task = asyncio.create_task(upcoming())
        task.add_done_callback(ignore_result)  # a run that ends does not await it
        return task

    async def _process_page(self, page: Page) -> None:
        """Start the activities of a page when there is room; waiting work takes precedence."""
        self._count_settled(page)
        for work in page.activities:
            if not await self._wait_for_slot(len(work.positions)):
                self._state.cursor = max(self._state.cursor, work.positions[0] - 1)
                return
            self._window.start(
                self._process_group(work) if isinstance(work, ItemGroup) else self._process(work)
            )
            self._admitted += len(work.positions)
        self._state.cursor = page.cursor
        self._publish()

    def _count_settled(self, page: Page) -> None:
        """Count items that the listing settled: unchanged, or finished before a restart."""
        if self._state.sweep == 0 and page.cursor > self._state.counted:
            self._state.tally = self._state.tally.merged(page.settled)
            self._state.counted = page.cursor
            self._check_thresholds()

    async def _settle(self) -> None:
        """Wait for the items in flight, or cancel them; raise the window's error."""
        await workflow.wait_condition(
            lambda: not self._window or self._state.killing or self._window.error is not None
        )
        if self._state.killing:
            await self._window.cancel(policies.CANCEL_GRACE)
        if self._window.error is not None:
            raise self._window.error

    async def _next_run(self) -> BatchInput:
        """Return the input of the next run."""
        await workflow.wait_condition(workflow.all_handlers_finished)
        state = self._state
        if self._return_to is not None:
            state.cursor = min(state.cursor, self._return_to - 1)
        state.runs += 1
        workflow.logger.info("batch.continued", extra={"runs": state.runs, "cursor": state.cursor})
        return BatchInput(batch_id=self._batch.batch_id, carried=state)

    # -- items and groups -------------------------------------------------------------------

    async def _wait_for_slot(self, files: int) -> bool:
        """Wait for room for an activity of ``files`` items; False if this run starts no more."""
        await workflow.wait_condition(
            lambda: self._finishing or (self._has_room(files) and not self._window.has_waiting)
        )
        return not self._finishing

    async def _process(self, item: ItemRef) -> None:
        """Process one item until it has an outcome; an item that a worker returns starts again."""
        while True:
            task = ItemTask(
                batch_id=self._batch.batch_id,
                epoch=self._opened.epoch,
                position=item.position,
                planned_concurrency=self._concurrency,
            )
            try:
                result = await workflow.execute_activity_method(
                    ItemActivities.process_item, task, **self._item_options(item.name)
                )
            except ActivityError as error:  # the close counts cancelled items
                if not is_cancelled_exception(error) and not self._interrupted(error):
                    await self._count_failure(item, task, error)
                return
            if not result.left:
                self._count(Tally().plus(result.outcome))
                return
            if not await self._wait_for_room((item.position,), held_at=task.planned_concurrency):
                return

    async def _process_group(self, group: ItemGroup) -> None:
        """Process the items of a group; items that a worker returns form a new group."""
        positions = group.positions
        while True:
            task = GroupTask(
                batch_id=self._batch.batch_id,
                epoch=self._opened.epoch,
                positions=positions,
                planned_concurrency=self._concurrency,
            )
            try:
                options = self._options(policies.GROUP, group.name)
                with self._window.group_of(len(positions)):
                    result = await workflow.execute_activity_method(
                        GroupActivities.process_group, task, **options
                    )
            except ActivityError as error:
                if not is_cancelled_exception(error) and not self._interrupted(error):
                    workflow.logger.warning("batch.group_failed", extra={"first": positions[0]})
                    self._run_separately([ItemRef.of(at, f"file {at}") for at in positions])
                return
            self._count(result.settled)
            self._run_separately(result.alone)
            positions = result.left
            if result.reason is LeftReason.BUSY:
                await workflow.sleep(policies.LEFT_PAUSE)
            held = task.planned_concurrency if result.reason is LeftReason.HELD else None
            if not positions or not await self._wait_for_room(positions, held_at=held):
                return

    def _run_separately(self, items: Sequence[ItemRef]) -> None:
        """Start an activity for each item, when there is room."""

        async def process(item: ItemRef) -> None:
            if await self._wait_for_room((item.position,)):
                await self._process(item)

        for item in items:
            self._window.start(process(item))

    async def _wait_for_room(
        self, positions: tuple[int, ...], *, held_at: int | None = None
    ) -> bool:
        """Wait for room; False leaves these items to the next run.

        ``held_at`` is the planned concurrency of a task that a worker returned as held.
        """
        files = len(positions)
        with self._window.waiting():
            if held_at is not None and not self._explains_hold(held_at):
                await self._adopt_row(held_at)
            while not (self._finishing or self._has_room(files)):
                await workflow.wait_condition(lambda: self._finishing or self._has_room(files))
        if self._finishing:
            self._return_to = min(self._return_to or positions[0], positions[0])
            return False
        return True

    def _interrupted(self, error: ActivityError) -> bool:
        """Return whether the batch's cancel interrupted an activity before its next retry.

        Temporal ends the activity with the error of its last try, but the item did not fail.
        """
        return self._state.killing and errors.is_retryable(error) and workflow.patched(INTERRUPTED)

    async def _count_failure(self, item: ItemRef, task: ItemTask, error: ActivityError) -> None:
        """Count a failed item; record the failure if Temporal, not the activity, gave up."""
        failure_class = errors.recorded_class(error)
        if failure_class is None:
            failure_class = FailureClass.WORKER_LOST
            message, kind = errors.describe(error)
            await workflow.execute_activity_method(
                BatchActivities.record_lost_item,
                items.LostItem(
                    batch_id=task.batch_id,
                    epoch=task.epoch,
                    position=task.position,
                    failure_class=failure_class,
                    message=f"{kind}: {message}",
                ),
                **self._options(policies.RECORD, item.name),
            )
        failed = FailedItem(position=item.position, name=item.name, failure_class=failure_class)
        self._state.failures = (*self._state.failures, failed)[-KEPT_FAILURES:]
        self._count(Tally(failed=1))

    def _count(self, outcomes: Tally) -> None:
        self._state.tally = self._state.tally.merged(outcomes)
        self._check_thresholds()
        if workflow.now() - self._updated_at >= policies.SHOW_INTERVAL:
            self._update_details()

    def _check_thresholds(self) -> None:
        """Stop the batch when a failure threshold is exceeded. Sweeps do not count."""
        if self._state.stop_reason is None and self._state.sweep == 0:
            self._state.stop_reason = errors.exceeded_threshold(self._opened, self._state.tally)

    # -- the end ----------------------------------------------------------------------------

    async def _close(self) -> BatchResult:
        """Compare the outcomes with the listing; if none is missing, close the batch row."""
        self._phase = Phase.CLOSING
        ending = BatchStatus.CANCELLED if self._state.cancelling else BatchStatus.COMPLETED
        return await self._record_end(ending, self._state.cancel_reason)

    async def _begin_sweep(self, result: BatchResult) -> None:
        """Start another pass over the listing for items without an outcome, up to `MAX_SWEEPS`."""
        if self._state.sweep >= MAX_SWEEPS:
            names = ", ".join(result.unaccounted)
            await self._fail(f"files without an outcome: {names}", LOST_FILES)
        self._phase = Phase.SWEEPING
        self._state.sweep += 1
        self._state.cursor = 0
        workflow.logger.info("batch.sweep_began", extra={"sweep": self._state.sweep})

    async def _end(self, result: BatchResult) -> BatchResult:
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._state.tally = result.tally
        self._finish(result.status)
        return result

    async def _fail(self, message: str, kind: str, cause: BaseException | None = None) -> NoReturn:
        """Record that the batch failed, with the reason, and fail the workflow."""
        self._phase = Phase.CLOSING
        await self._window.cancel(policies.CANCEL_GRACE)
        await self._record_end(BatchStatus.FAILED, message)
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._finish(BatchStatus.FAILED)
        raise ApplicationError(message, type=kind, non_retryable=True) from cause

    async def _record_end(self, ending: BatchStatus, reason: str | None) -> BatchResult:
        opened = self._state.opened
        return await workflow.execute_activity_method(
            BatchActivities.close_batch,
            batches.CloseRequest(
                batch_id=self._batch.batch_id,
                epoch=opened.epoch if opened else 0,
                ending=ending,
                reason=reason,
            ),
            **self._options(policies.CLOSE, f"close as {ending.value}"),
        )

    def _finish(self, status: BatchStatus) -> None:
        self._phase = Phase[status.name]
        self._publish()
        workflow.logger.info(
            "batch.ended", extra={"status": status.value, **self._state.tally.model_dump()}
        )

    # -- queries ----------------------------------------------------------------------------

    @workflow.query(name=names.PROGRESS_QUERY)
    def progress(self) -> batches.BatchProgress:
        """Current counts of the batch."""
        return display.progress(
            self._batch.batch_id, self._state, self._window.files, self._status, workflow.now()
        )

    @workflow.query(name=names.FAILURES_QUERY)
    def failures(self) -> tuple[FailedItem, ...]:
        """The latest failed items, at most `KEPT_FAILURES`, oldest first."""
        return self._state.failures

    # -- signals and the update -------------------------------------------------------------

    @workflow.signal(name=names.CANCEL_SIGNAL)
    async def cancel(self, request: batches.CancelRequest) -> None:
        """Start no more items, end those in flight, close as CANCELLED. The first reason wins."""
        if not self._state.cancelling:
            self._state.cancel_reason = bounded(request.reason) or "cancelled on request"
            self._state.drain = request.drain
        elif self._state.drain and not request.drain:
            self._state.drain = False
        else:
            return
        await self._record_state()

    @workflow.signal(name=names.PAUSE_SIGNAL)
    async def pause(self) -> None:
        """Start no more items until resumed. Items in an engine run to their end."""
        self._state.paused = True
        await self._record_state()

    @workflow.signal(name=names.RESUME_SIGNAL)
    async def resume(self) -> None:
        """Continue after a pause."""
        self._state.paused = False
        await self._record_state()

    @workflow.update(name=names.SET_CONCURRENCY_UPDATE)
    async def set_concurrency(self, change: batches.ConcurrencyChange) -> int:
        """Set the maximum of items in flight. After a reduction, none starts until it fits."""
        self._state.concurrency = change.concurrency
        await self._record_state()
        return change.concurrency

    @set_concurrency.validator
    def _check_concurrency(self, change: batches.ConcurrencyChange) -> None:
        if not 1 <= change.concurrency <= names.MAX_CONCURRENCY:
            raise ValueError(f"concurrency must be 1 to {names.MAX_CONCURRENCY}")

    async def _record_state(self) -> None:
        """Write the state to the batch row, one change at a time, so that the latest wins.

        No item starts meanwhile, because a worker returns items of a batch whose row is paused.
        """
        self._changes += 1
        async with self._recorder:
            if self._state.opened is None:  # `_open` records it
                return
            always = workflow.patched(ALWAYS_RECORDED)
            if self._phase in (Phase.CLOSING, Phase.SWEEPING) and not always:
                return
            self._publish()
            workflow.logger.info(
                "batch.steered", extra={"state": self._status, "concurrency": self._concurrency}
            )
            self._recording = always
            try:
                await self._exchange_state(self._state.change(self._batch.batch_id), self._status)
            finally:
                self._recording = False

    async def _adopt_row(self, planned: int) -> None:
        """Adopt the state of the batch row. The signal of its writer may be late or lost."""
        async with self._recorder:
            if self._explains_hold(planned):
                return
            changes = self._changes
            row = await self._exchange_state(
                StateChange(batch_id=self._batch.batch_id, epoch=self._opened.epoch),
                "read the state of the batch",
            )
            if row is not None and changes == self._changes:  # otherwise a signal is newer
                self._state.follow(row)
                self._publish()
                workflow.logger.info("batch.followed_its_row", extra={"state": self._status})
        if not self._explains_hold(planned):
            await workflow.sleep(policies.LEFT_PAUSE)

    async def _exchange_state(self, change: StateChange, summary: str) -> SteeringState | None:
        """Write the fields that ``change`` sets, and return the resulting state of the row."""
        return await workflow.execute_activity_method(
            BatchActivities.record_state, change, **self._options(policies.RECORD, summary)
        )

    def _explains_hold(self, planned: int) -> bool:
        """Return whether the state explains why a worker held a task of this concurrency."""
        return bool(self._state.paused) or self._state.stopping or planned > self._concurrency

    def _options(self, config: workflow.ActivityConfig, summary: str) -> workflow.ActivityConfig:
        """Return activity options with the fairness key of the project and a summary."""
        opened = self._state.opened
        priority = Priority(fairness_key=opened.project_id) if opened else Priority.default
        return {**config, "priority": priority, "summary": summary}

    def _item_options(self, summary: str) -> workflow.ActivityConfig:
        return {
            **self._options(policies.ITEM, summary),
            "task_queue": self._opened.engine_queue,
            "start_to_close_timeout": timedelta(seconds=self._opened.item_timeout_seconds),
        }

    # -- derived state ----------------------------------------------------------------------

    @property
    def _opened(self) -> OpenedBatch:
        assert self._state.opened is not None, "the batch is opened before anything else"
        return self._state.opened

    @property
    def _concurrency(self) -> int:
        return self._state.concurrency or self._opened.concurrency

    def _has_room(self, files: int) -> bool:
        """Return whether there is room for an activity of ``files`` items.

        Concurrency limits activities; with a failure threshold it limits files.
        """
        if self._state.paused or self._recording:
            return False
        if self._opened.may_stop_early and self._opened.group_up_to > 1:
            return self._window.files + files <= max(self._concurrency, files)
        return self._window.activities < self._concurrency

    @property
    def _finishing(self) -> bool:
        """Whether this run starts no more items: it is ending, failed, or full."""
        return (
            self._state.stopping
            or self._phase is Phase.LEAVING
            or self._window.error is not None
            or self._admitted >= self._opened.continue_as_new_threshold
            or history.is_full(len(self._window))
        )

    # -- visibility -------------------------------------------------------------------------

    @property
    def _status(self) -> str:
        return self._phase.status(self._state)

    def _update_details(self) -> None:
        self._updated_at = workflow.now()
        workflow.set_current_details(display.details(self._state, self._window.files, self._status))

    def _publish(self) -> None:
        """Update details and search attributes."""
        self._update_details()
        opened = self._state.opened
        if opened is not None and opened.search_attributes:
            workflow.upsert_search_attributes(
                display.search_attributes(opened, self._state, self._status.upper())
            )
