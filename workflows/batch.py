"""BatchWorkflow: one job per file of a frozen listing, page by page, however long it takes."""

import asyncio
from datetime import timedelta
from typing import NoReturn

from temporalio import workflow
from temporalio.common import Priority
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    # plain data and references to activities: loading them again for every run would triple the
    # sandbox's cost, and the libraries behind the activities are no workflow code
    from activities.admitting import Admitting
    from activities.listing import Listing
    from activities.processing import Processing
    from activities.recording import Recording
    from docmill.contracts import (
        BATCH_WORKFLOW,
        AdmitRequest,
        BatchInput,
        BatchResult,
        BatchStatus,
        CloseRequest,
        FailedItem,
        ItemRef,
        ItemTask,
        LostItem,
        OpenRequest,
        Outcome,
        Page,
        PageRequest,
    )
    from docmill.errors import FailureClass
    from workflows import causes, display, history, policies, thresholds
    from workflows.steering import SteeredBatch
    from workflows.window import Window

MAX_SWEEPS = 3
"""Searches for items without an outcome before the batch fails, naming them."""

FAILURE_THRESHOLD = "FailureThreshold"
"""Type of the error with which a batch ends whose files failed too often."""

KEPT_FAILURES = 20
"""Last failures that a run keeps for the ``failures`` query; the ledger has them all."""


CUT_SHORT = "attempts-cut-short-are-cancelled"
"""Histories without this mark have such items recorded as lost."""


@workflow.defn(name=BATCH_WORKFLOW)
class BatchWorkflow(SteeredBatch):
    """Runs one batch; its workflow id is the batch id, so that a second start finds the first."""

    @workflow.init
    def __init__(self, batch: BatchInput) -> None:
        super().__init__(batch)
        self._window = Window(self._process)
        self._admitted = 0

    @workflow.run
    async def run(self, batch: BatchInput) -> BatchResult:
        """Open, process page after page, continue as new when this run is full, close."""
        try:
            await self._open()
            await self._process_listing()
            if self._state.stop_reason is not None and not self._cancelling:
                await self._fail(ApplicationError(self._state.stop_reason, type=FAILURE_THRESHOLD))
            return await self._close()
        except (asyncio.CancelledError, ActivityError) as error:
            if not is_cancelled_exception(error):
                await self._fail(error)
            self._update(cancel_reason=self._state.cancel_reason or "cancelled through Temporal")
            result = await self._close()
            if result.status is BatchStatus.CANCELLED:
                raise
            return result

    # -- the phases, in their order ---------------------------------------------------------

    async def _open(self) -> None:
        if self._state.opened is None:
            opened = await workflow.execute_activity_method(
                Recording.open_batch,
                OpenRequest(
                    batch_id=self._batch.batch_id,
                    spec=self._batch.spec,
                    redrive=self._batch.redrive,
                ),
                start_to_close_timeout=policies.OPEN_TIMEOUT,
                heartbeat_timeout=policies.HEARTBEAT_TIMEOUT,
                retry_policy=policies.INFRASTRUCTURE,
                summary="open the batch",
            )
            self._update(
                opened=opened,
                tally=opened.settled,
                concurrency=self._state.concurrency or opened.concurrency,
                paused=opened.paused if self._state.paused is None else self._state.paused,
                cancel_reason=self._state.cancel_reason or opened.cancel_reason,
            )
            workflow.upsert_memo(display.memo(opened))
            if self._state.differs_from(opened):  # signals came before there was a row to change
                await self._record_state()
        self._publish()
        if not self._opened.admitted:
            await self._wait_in_line()

    async def _wait_in_line(self) -> None:
        """Wait until the project may run one batch more; a cancel ends the waiting."""
        admission = asyncio.ensure_future(
            workflow.execute_activity_method(
                Admitting.admit_batch,
                AdmitRequest(batch_id=self._batch.batch_id),
                start_to_close_timeout=policies.CLOSE_TIMEOUT,
                heartbeat_timeout=policies.HEARTBEAT_TIMEOUT,
                retry_policy=policies.ADMISSION,
                priority=self._priority,
                summary="wait for a place",
            )
        )
        await workflow.wait_condition(lambda: admission.done() or self._cancelling)
        if self._cancelling:
            admission.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            admission.cancel()
            return
        admitted = await admission
        changes = {"admitted": True, "started_at": admitted.started_at}
        self._update(opened=self._opened.model_copy(update=changes))
        self._publish()

    async def _process_listing(self) -> None:
        """Process the listing behind the cursor; the next page is fetched meanwhile."""
        page: Page | None = await self._fetch(self._state.cursor)
        while page is not None:
            upcoming = self._prefetch(page)
            await self._process_page(page)
            if self._must_leave:
                upcoming.cancel()
                return await self._leave()
            page = await upcoming
        return await self._settle()

    async def _leave(self) -> None:
        """Finish what is in flight; then go on in a fresh run, unless the batch is ending."""
        await self._settle()
        if not self._stopping:
            await workflow.wait_condition(workflow.all_handlers_finished)
            carried = self._state.model_copy(update={"runs": self._state.runs + 1})
            workflow.continue_as_new(BatchInput(batch_id=self._batch.batch_id, carried=carried))

    async def _settle(self) -> None:
        """Wait for the items in flight; a cancel ends them instead."""
        await workflow.wait_condition(
            lambda: len(self._window) == 0 or self._killing or self._window.error is not None
        )
        if self._killing:
            await self._window.cancel(policies.CANCEL_GRACE)
        if self._window.error is not None:
            raise self._window.error

    async def _close(self) -> BatchResult:
        """Compare outcomes with the listing; run what has none once more; record the end."""
        self._closing = True
        result = await self._record_end(self._ending, self._state.cancel_reason)
        while result.unaccounted and self._state.sweep < MAX_SWEEPS:
            self._update(sweep=self._state.sweep + 1, cursor=0)
            await self._process_listing()
            result = await self._record_end(self._ending, self._state.cancel_reason)
        if result.unaccounted:
            names = ", ".join(result.unaccounted)
            await self._fail(ApplicationError(f"files without an outcome: {names}", type="Lost"))
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._update(tally=result.tally)
        self._end(result.status)
        return result

    async def _fail(self, error: BaseException) -> NoReturn:
        """Record that the batch itself failed, and why."""
        message, kind = causes.describe(error)
        self._closing = True
        await self._window.cancel(policies.CANCEL_GRACE)
        await self._record_end(BatchStatus.FAILED, message)
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._end(BatchStatus.FAILED)
        raise ApplicationError(message, type=kind, non_retryable=True) from error

    @property
    def _ending(self) -> BatchStatus:
        return BatchStatus.CANCELLED if self._cancelling else BatchStatus.COMPLETED

    async def _record_end(self, ending: BatchStatus, reason: str | None) -> BatchResult:
        return await workflow.execute_activity_method(
            Recording.close_batch,
            CloseRequest(
                batch_id=self._batch.batch_id,
                epoch=self._state.opened.epoch if self._state.opened else 0,
                ending=ending,
                reason=reason,
            ),
            start_to_close_timeout=policies.CLOSE_TIMEOUT,
            heartbeat_timeout=policies.HEARTBEAT_TIMEOUT,
            retry_policy=policies.INFRASTRUCTURE,
            priority=self._priority if self._state.opened else Priority.default,
            summary=f"close as {ending.value}",
        )

    # -- one page ---------------------------------------------------------------------------

    async def _fetch(self, after: int) -> Page | None:
        """Return the next page behind ``after``, or None at the end of the listing."""
        left = self._opened.continue_as_new_threshold - self._admitted
        page = await workflow.execute_activity_method(
            Listing.next_page,
            PageRequest(
                batch_id=self._batch.batch_id,
                epoch=self._opened.epoch,
                after=after,
                limit=max(1, min(self._opened.page_size, left)),
                count_after=self._state.counted,
                unfinished_only=self._opened.unfinished_only or self._state.sweep > 0,
            ),
            start_to_close_timeout=policies.RECORD_TIMEOUT,
            heartbeat_timeout=policies.HEARTBEAT_TIMEOUT,
            retry_policy=policies.INFRASTRUCTURE,
            priority=self._priority,
            summary=f"files behind {after:,}",
        )
        return page if page.cursor > after else None

    def _prefetch(self, page: Page) -> asyncio.Task[Page | None]:
        async def upcoming() -> Page | None:
            return await self._fetch(page.cursor) if page.more else None

        task = asyncio.create_task(upcoming())
        # a run that leaves cancels it, and nobody asks then how it ended
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        return task

    async def _process_page(self, page: Page) -> None:
        self._take(page)
        for item in page.items:
            await workflow.wait_condition(lambda: self._must_leave or self._has_room)
            if self._must_leave:
                return
            self._window.add(item)
            self._admitted += 1
            self._update(cursor=item.position)
        self._update(cursor=page.cursor)
        self._publish()

    def _take(self, page: Page) -> None:
        """Count what the listing settled by itself: unchanged, or finished before a restart."""
        if self._state.sweep == 0 and page.cursor > self._state.counted:
            tally = self._state.tally.merged(page.settled)
            self._update(tally=tally, counted=page.cursor)
            self._judge()

    @property
    def _in_flight(self) -> int:
        return len(self._window)

    @property
    def _has_room(self) -> bool:
        limit = self._state.concurrency or self._opened.concurrency
        return not self._state.paused and len(self._window) < limit

    @property
    def _must_leave(self) -> bool:
        """Whether this run starts no more items: ending, broken, or full."""
        return (
            self._stopping
            or self._window.error is not None
            or self._admitted >= self._opened.continue_as_new_threshold
            or history.is_full(len(self._window))
        )

    # -- one item ---------------------------------------------------------------------------

    async def _process(self, item: ItemRef) -> None:
        opened = self._opened
        task = ItemTask(batch_id=self._batch.batch_id, epoch=opened.epoch, position=item.position)
        try:
            result = await workflow.execute_activity_method(
                Processing.process_item,
                task,
                task_queue=opened.engine_queue,
                start_to_close_timeout=timedelta(seconds=opened.item_timeout_seconds),
                heartbeat_timeout=policies.HEARTBEAT_TIMEOUT,
                retry_policy=policies.INFRASTRUCTURE,
                priority=self._priority,
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                summary=item.name,
            )
            self._count(result.outcome)
        except ActivityError as error:
            # Cancelled items are counted at the close.
            if not is_cancelled_exception(error) and not self._cut_short(error):
                await self._count_failure(item, task, error)

    def _cut_short(self, error: ActivityError) -> bool:
        """Whether an attempt after which another one would have come met the batch's cancel.

        Temporal then ends the activity with that attempt's error, although nothing has failed.
        """
        return self._killing and causes.passing(error) and workflow.patched(CUT_SHORT)

    async def _count_failure(self, item: ItemRef, task: ItemTask, error: ActivityError) -> None:
        """Count a failed item; record it too when Temporal, not the activity, gave it up."""
        failure_class = causes.recorded_class(error)
        if failure_class is None:
            failure_class = FailureClass.WORKER_LOST
            message, kind = causes.describe(error)
            await workflow.execute_activity_method(
                Recording.record_lost_item,
                LostItem(
                    **task.model_dump(), failure_class=failure_class, message=f"{kind}: {message}"
                ),
                start_to_close_timeout=policies.RECORD_TIMEOUT,
                heartbeat_timeout=policies.HEARTBEAT_TIMEOUT,
                retry_policy=policies.INFRASTRUCTURE,
                priority=self._priority,
                summary=item.name,
            )
        failed = FailedItem(
            position=item.position, name=item.name, failure_class=failure_class.value
        )
        self._update(failures=(*self._state.failures, failed)[-KEPT_FAILURES:])
        self._count(Outcome.FAILED)

    def _count(self, outcome: Outcome) -> None:
        self._update(tally=self._state.tally.plus(outcome))
        self._judge()
        self._show()

    def _judge(self) -> None:
        """Stop the batch once a failure threshold is passed; a sweep only mends what is left."""
        if self._state.stop_reason is None and self._state.sweep == 0:
            self._update(stop_reason=thresholds.passed(self._opened, self._state.tally))
