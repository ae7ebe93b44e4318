"""What a batch knows of itself, and the queries, signals and updates that steer it."""

import asyncio
from abc import ABC, abstractmethod

from temporalio import workflow
from temporalio.common import Priority

with workflow.unsafe.imports_passed_through():
    # plain data and references to activities: loading them again for every run would triple the
    # sandbox's cost, and the libraries behind the activities are no workflow code
    from activities.recording import Recording
    from docmill import contracts
    from docmill.contracts import (
        MAX_CONCURRENCY,
        BatchInput,
        BatchProgress,
        BatchState,
        BatchStatus,
        CancelRequest,
        ConcurrencyChange,
        FailedItem,
        OpenedBatch,
        StateChange,
    )
    from docmill.errors import bounded
    from workflows import display, policies


class SteeredBatch(ABC):
    """The state of one batch and its handlers; `BatchWorkflow` adds the work.

    Queries read; signals change the state and write the change to the batch row, so that a
    pause or a cancel is visible everywhere; the work looks at the state before each item.
    """

    def __init__(self, batch: BatchInput) -> None:
        self._batch = batch
        self._state = batch.carried or BatchState()
        self._closing = False
        self._ended: BatchStatus | None = None
        self._recorder = asyncio.Lock()

    # -- queries ----------------------------------------------------------------------------

    @workflow.query(name=contracts.PROGRESS_QUERY)
    def progress(self) -> BatchProgress:
        """Counts of this moment."""
        state, opened = self._state, self._state.opened
        seconds = (workflow.now() - opened.started_at).total_seconds() if opened else 0.0
        return BatchProgress(
            batch_id=self._batch.batch_id,
            state=self._word,
            total=opened.total if opened else 0,
            processed=state.tally.completed,
            failed=state.tally.failed,
            skipped=state.tally.skipped,
            cancelled=state.tally.cancelled,
            in_flight=self._in_flight,
            concurrency=state.concurrency or 0,
            runs=state.runs,
            rate=self._ran / seconds if seconds > 0 else 0.0,
            started_at=opened.started_at if opened else None,
            cancel_reason=state.cancel_reason,
        )

    @workflow.query(name=contracts.FAILURES_QUERY)
    def failures(self) -> tuple[FailedItem, ...]:
        """The last failed items, at most 20, oldest first."""
        return self._state.failures

    # -- signals and the update -------------------------------------------------------------

    @workflow.signal(name=contracts.CANCEL_SIGNAL)
    async def cancel(self, request: CancelRequest) -> None:
        """Start no more items, end those in flight, close as CANCELLED. The first reason stays."""
        if not self._cancelling:
            reason = bounded(request.reason) or "cancelled on request"
            self._update(cancel_reason=reason, drain=request.drain)
            await self._record_state()
        elif self._state.drain and not request.drain:
            self._update(drain=False)
            await self._record_state()

    @workflow.signal(name=contracts.PAUSE_SIGNAL)
    async def pause(self) -> None:
        """Start no more items until resumed; those in flight go on."""
        self._update(paused=True)
        await self._record_state()

    @workflow.signal(name=contracts.RESUME_SIGNAL)
    async def resume(self) -> None:
        """Go on after a pause."""
        self._update(paused=False)
        await self._record_state()

    @workflow.update(name=contracts.SET_CONCURRENCY_UPDATE)
    async def set_concurrency(self, change: ConcurrencyChange) -> int:
        """Change how many items may be in flight; fewer takes effect as items end."""
        self._update(concurrency=change.concurrency)
        await self._record_state()
        return change.concurrency

    @set_concurrency.validator
    def _check_concurrency(self, change: ConcurrencyChange) -> None:
        if not 1 <= change.concurrency <= MAX_CONCURRENCY:
            raise ValueError(f"concurrency must be 1 to {MAX_CONCURRENCY}")

    async def _record_state(self) -> None:
        """Write the present state to the batch row; one at a time, so that the last one wins."""
        async with self._recorder:
            if self._state.opened is None or self._closing:
                return
            self._publish()
            await workflow.execute_activity_method(
                Recording.record_state,
                StateChange(
                    batch_id=self._batch.batch_id,
                    epoch=self._opened.epoch,
                    paused=self._state.paused,
                    concurrency=self._state.concurrency,
                    cancel_reason=self._state.cancel_reason,
                    drain=self._state.drain if self._cancelling else None,
                ),
                start_to_close_timeout=policies.RECORD_TIMEOUT,
                heartbeat_timeout=policies.HEARTBEAT_TIMEOUT,
                retry_policy=policies.INFRASTRUCTURE,
                priority=self._priority,
                summary=self._word,
            )

    # -- what is true now -------------------------------------------------------------------

    @property
    @abstractmethod
    def _in_flight(self) -> int:
        """Items whose activity is under way."""

    @property
    def _opened(self) -> OpenedBatch:
        assert self._state.opened is not None, "the batch is opened before anything else"
        return self._state.opened

    @property
    def _priority(self) -> Priority:
        """The tasks of one project take turns with those of the others, however many they are."""
        return Priority(fairness_key=self._opened.project_id)

    @property
    def _ran(self) -> int:
        """Items that got their outcome in this attempt."""
        settled = self._state.opened.settled.accounted if self._state.opened else 0
        return self._state.tally.accounted - settled

    @property
    def _cancelling(self) -> bool:
        return self._state.cancel_reason is not None

    @property
    def _stopping(self) -> bool:
        """Whether this batch starts no more items because it ends."""
        return self._cancelling or self._state.stop_reason is not None

    @property
    def _killing(self) -> bool:
        """Whether items in flight must end now."""
        return self._cancelling and not self._state.drain

    @property
    def _word(self) -> str:
        if self._ended is not None:
            return self._ended.value.lower()
        opened = self._state.opened
        words = {
            "opening": opened is None,
            "cancelling": self._cancelling,
            "stopping": self._state.stop_reason is not None,
            "closing": self._closing,
            "throttled": opened is not None and not opened.admitted,
            "paused": bool(self._state.paused),
        }
        return next((word for word, fits in words.items() if fits), "running")

    def _update(self, **changes: object) -> None:
        self._state = self._state.model_copy(update=changes)

    # -- what the Temporal UI shows ---------------------------------------------------------

    def _show(self) -> None:
        workflow.set_current_details(display.details(self._state, self._in_flight, self._word))

    def _publish(self) -> None:
        """Bring details and search attributes up to date."""
        self._show()
        opened = self._state.opened
        if opened is not None and opened.search_attributes:
            workflow.upsert_search_attributes(
                display.search_attributes(opened, self._state, self._word.upper())
            )

    def _end(self, status: BatchStatus) -> None:
        self._ended = status
        self._publish()
