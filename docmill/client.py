"""BatchClient: a batch's workflow, from a Python program with a Temporal client.

Any other language does the same with the wire names and payloads of `docmill.contracts`.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.client import (
    Client,
    KeepAliveConfig,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from docmill.contracts import names
from docmill.contracts.batches import (
    BatchInput,
    BatchProgress,
    BatchResult,
    BatchSpec,
    CancelRequest,
    ConcurrencyChange,
    FailedItem,
    RedriveRequest,
)
from docmill.errors import ConflictError, DocmillError, NotFoundError, UnavailableError, UsageError

Answer = TypeVar("Answer")

RPC_TIMEOUT = timedelta(seconds=10)
"""One call to Temporal; a server that needs longer counts as away."""

KEEP_ALIVE = KeepAliveConfig(interval_millis=15_000, timeout_millis=5_000)
"""A link that fell silent is noticed after 20 s; servers refuse pings more often than each 10."""

QUERY_TIMEOUT = timedelta(seconds=25)
"""For ten seconds after a worker left, the server still asks it alone; then another one answers."""


@dataclass(frozen=True, slots=True)
class LatestRun:
    """The latest workflow of a batch.

    Attributes:
        status: its state.
        epoch: the attempt of the batch that it runs, or ran.
    """

    status: WorkflowExecutionStatus | None
    epoch: int

    @property
    def running(self) -> bool:
        """Whether it has not ended, this run or the one it continued as."""
        return self.status in (
            WorkflowExecutionStatus.RUNNING,
            WorkflowExecutionStatus.CONTINUED_AS_NEW,
        )


class BatchClient:
    """Starts and steers batch workflows.

    Args:
        temporal: a client whose data converter is
            ``temporalio.contrib.pydantic.pydantic_data_converter``.

    Every method raises `UnavailableError` when Temporal cannot be reached, and `NotFoundError`
    when it knows no such batch (any more).
    """

    def __init__(self, temporal: Client) -> None:
        self.temporal = temporal

    async def start(
        self,
        batch_id: str,
        spec: BatchSpec | None = None,
        *,
        again: bool = False,
        epoch: int = 1,
        project_id: str | None = None,
    ) -> None:
        """Start the workflow of a batch; starting it twice finds the first.

        Args:
            batch_id: the batch, and the workflow's id.
            spec: what to do, when the batch has no row yet.
            again: also when an earlier workflow of this batch has ended (it was lost, or the
                batch is run again); what has an outcome is not done twice.
            epoch: which attempt of the batch it runs.
            project_id: projects take turns, however much one of them has to do; None takes
                turns from the moment the batch is opened.
        """
        reuse = WorkflowIDReusePolicy
        try:
            await self.temporal.start_workflow(
                names.BATCH_WORKFLOW,
                BatchInput(batch_id=batch_id, spec=spec),
                id=batch_id,
                task_queue=names.BATCH_QUEUE,
                memo={names.EPOCH_MEMO: epoch},
                priority=Priority(fairness_key=project_id),
                id_reuse_policy=reuse.ALLOW_DUPLICATE if again else reuse.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary="Docmill batch",
                rpc_timeout=RPC_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return  # it has run before: the caller asked for it once
        except RPCError as error:
            raise _translated(error, batch_id) from None

    async def redrive(self, batch_id: str, request: RedriveRequest | None = None) -> None:
        """Run an ended batch again: the items that it did not complete, in the same ledger.

        The workflow begins the attempt; with nothing left to run it FAILS, and the batch stays
        as it was.

        Args:
            batch_id: the batch.
            request: which items, and with which parameters; None takes all with the same ones.

        Raises:
            ConflictError: its workflow is running.
        """
        try:
            await self.temporal.start_workflow(
                names.BATCH_WORKFLOW,
                BatchInput(batch_id=batch_id, redrive=request or RedriveRequest()),
                id=batch_id,
                task_queue=names.BATCH_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                static_summary="Docmill batch, again",
                rpc_timeout=RPC_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            raise ConflictError(
                f"The batch {batch_id} has not ended.", "Wait until it has, or cancel it first."
            ) from None
        except RPCError as error:
            raise _translated(error, batch_id) from None

    async def status(self, batch_id: str) -> WorkflowExecutionStatus | None:
        """Return the state of the batch's latest workflow, or None when Temporal has none."""
        latest = await self.latest(batch_id)
        return None if latest is None else latest.status

    async def latest(self, batch_id: str) -> "LatestRun | None":
        """Return the batch's latest workflow, or None when Temporal has none (any more)."""
        try:
            description = await self._handle(batch_id).describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise _translated(error, batch_id) from None
        epoch = await description.memo_value(names.EPOCH_MEMO, 1)
        return LatestRun(description.status, int(epoch))

    async def progress(self, batch_id: str) -> BatchProgress:
        """Return the counts of this moment; a worker must be running."""
        return await self._query(batch_id, names.PROGRESS_QUERY, BatchProgress)

    async def failures(self, batch_id: str) -> list[FailedItem]:
        """Return the last failed items, at most 20, oldest first."""
        return await self._query(batch_id, names.FAILURES_QUERY, list[FailedItem])

    async def cancel(self, batch_id: str, reason: str = "", *, drain: bool = False) -> None:
        """Stop the batch: no new item starts, those in flight are stopped, finished results stay.

        With ``drain`` those in flight may end by themselves.
        """
        request = CancelRequest(reason=reason, drain=drain)
        await self._signal(batch_id, names.CANCEL_SIGNAL, request)

    async def pause(self, batch_id: str) -> None:
        """Start no more items until resumed."""
        await self._signal(batch_id, names.PAUSE_SIGNAL)

    async def resume(self, batch_id: str) -> None:
        """Go on after a pause."""
        await self._signal(batch_id, names.RESUME_SIGNAL)

    async def set_concurrency(self, batch_id: str, concurrency: int) -> int:
        """Change how many items may be in flight, 1..256, and return the new number.

        Raises:
            UsageError: the number is out of bounds.
        """
        try:
            accepted: int = await self._handle(batch_id).execute_update(
                names.SET_CONCURRENCY_UPDATE,
                ConcurrencyChange(concurrency=concurrency),
                result_type=int,
                rpc_timeout=RPC_TIMEOUT,
            )
        except RPCError as error:
            raise _translated(error, batch_id) from None
        except WorkflowUpdateRPCTimeoutOrCancelledError:  # no RPCError, and it hides the cause
            raise UnavailableError(
                "Nobody has taken the new number yet.",
                "Check that a worker runs, and say it again.",
            ) from None
        except WorkflowUpdateFailedError as error:
            raise UsageError(f"The batch refused: {error.cause}.") from None
        return accepted

    async def result(self, batch_id: str) -> BatchResult:
        """Wait for the end of the batch, however long that takes.

        Raises:
            temporalio.client.WorkflowFailureError: it FAILED, or was cancelled through Temporal.
        """
        handle: WorkflowHandle[Any, BatchResult] = self.temporal.get_workflow_handle(
            batch_id, result_type=BatchResult
        )
        try:
            return await handle.result()
        except RPCError as error:
            raise _translated(error, batch_id) from None

    async def ended(self, batch_id: str) -> None:
        """Wait until the batch's latest workflow has ended, in whatever way.

        One call that the server answers at the end: it costs it nothing while the batch runs.
        """
        with suppress(WorkflowFailureError):
            try:
                await self._handle(batch_id).result()
            except RPCError as error:
                raise _translated(error, batch_id) from None

    def _handle(self, batch_id: str) -> WorkflowHandle[Any, Any]:
        return self.temporal.get_workflow_handle(batch_id)

    async def _query(self, batch_id: str, query: str, answer: type[Answer]) -> Answer:
        try:
            found: Answer = await self._handle(batch_id).query(
                query, result_type=answer, rpc_timeout=QUERY_TIMEOUT
            )
        except RPCError as error:
            raise _translated(error, batch_id) from None
        return found

    async def _signal(self, batch_id: str, signal: str, *args: object) -> None:
        try:
            await self._handle(batch_id).signal(signal, args=args, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            raise _translated(error, batch_id) from None


def _translated(error: RPCError, batch_id: str) -> DocmillError:
    if error.status is RPCStatusCode.NOT_FOUND:
        return NotFoundError(f"Temporal runs no batch {batch_id}.", "It may have ended already.")
    return UnavailableError(
        f"Temporal did not answer ({error.status.name.lower()}).",
        "Check that the server runs and that a worker polls its queue.",
    )
