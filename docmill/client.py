"""BatchClient: starts and controls batches from a Python program with a Temporal client.

Programs in other languages use the wire names and payloads of `docmill.contracts`.
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
from docmill.contracts.exports import ExportInput, export_workflow_id
from docmill.errors import (
    ConflictError,
    DocmillError,
    NotFoundError,
    PayloadKeyError,
    UnavailableError,
    UsageError,
)

Answer = TypeVar("Answer")

RPC_TIMEOUT = timedelta(seconds=10)
"""Time limit of one call to Temporal; a slower server counts as unavailable."""

KEEP_ALIVE = KeepAliveConfig(interval_millis=15_000, timeout_millis=5_000)
"""A dead connection is detected after 20 s; servers reject pings at intervals below 10 s."""

QUERY_TIMEOUT = timedelta(seconds=25)
"""For ten seconds after a worker stops, the server sends queries only to this worker."""


@dataclass(frozen=True, slots=True)
class LatestRun:
    """The latest workflow of a batch.

    Attributes:
        status: its state.
        epoch: the epoch of the batch that it executes; None if it is encrypted with a key that
            this process does not have.
    """

    status: WorkflowExecutionStatus | None
    epoch: int | None

    @property
    def running(self) -> bool:
        """Whether it has not ended, including runs that it continued as new."""
        return self.status in (
            WorkflowExecutionStatus.RUNNING,
            WorkflowExecutionStatus.CONTINUED_AS_NEW,
        )


class BatchClient:
    """Starts and controls batch workflows.

    Args:
        temporal: a client whose data converter is
            ``temporalio.contrib.pydantic.pydantic_data_converter``; where payloads are encrypted,
            ``docmill.temporal.payloads.data_converter`` of the settings.

    Every method raises `UnavailableError` if Temporal cannot be reached, and `NotFoundError` if
    Temporal has no workflow of the batch (any more).
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
        """Start the workflow of a batch; a second call finds the first workflow.

        Args:
            batch_id: the batch, and the workflow's id.
            spec: the batch, if it has no row yet.
            again: start it even if an earlier workflow of this batch has ended, because it was lost
                or the batch is redriven; items with an outcome do not run again.
            epoch: the epoch of the batch that it executes.
            project_id: the fairness key, by which projects take turns; None sets it when the batch
                is opened.
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
            return  # it has already run
        except RPCError as error:
            raise _translated(error, batch_id) from None

    async def start_export(self, batch_id: str, epoch: int) -> None:
        """Start the workflow that exports one execution of a batch; a second call finds the first.

        Args:
            batch_id: the batch, whose row names the destination.
            epoch: of the batch.
        """
        workflow_id = export_workflow_id(batch_id, epoch)
        try:
            await self.temporal.start_workflow(
                names.EXPORT_WORKFLOW,
                ExportInput(batch_id=batch_id, epoch=epoch),
                id=workflow_id,
                task_queue=names.DELIVERIES_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary="Docmill export",
                rpc_timeout=RPC_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return  # it has ended
        except RPCError as error:
            raise _translated(error, workflow_id) from None

    async def redrive(self, batch_id: str, request: RedriveRequest | None = None) -> None:
        """Redrive an ended batch: run the items that did not complete, in the same ledger.

        Without items to run the workflow fails, and the batch is not changed.

        Args:
            batch_id: the batch.
            request: which items, and with which parameters; None means all, with the same ones.

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
        """Return the status of the batch's latest workflow, or None if Temporal has none."""
        latest = await self.latest(batch_id)
        return None if latest is None else latest.status

    async def latest(self, batch_id: str) -> "LatestRun | None":
        """Return the batch's latest workflow, or None if Temporal has none (any more)."""
        try:
            description = await self._handle(batch_id).describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise _translated(error, batch_id) from None
        try:
            epoch = int(await description.memo_value(names.EPOCH_MEMO, 1))
        except PayloadKeyError:  # its row must be ended although the key is lost
            return LatestRun(description.status, None)
        return LatestRun(description.status, epoch)

    async def progress(self, batch_id: str) -> BatchProgress:
        """Return the current counts; a worker must be running."""
        return await self._query(batch_id, names.PROGRESS_QUERY, BatchProgress)

    async def failures(self, batch_id: str) -> list[FailedItem]:
        """Return the last failed items, at most 20, oldest first."""
        return await self._query(batch_id, names.FAILURES_QUERY, list[FailedItem])

    async def cancel(self, batch_id: str, reason: str = "", *, drain: bool = False) -> None:
        """Cancel the batch: no new item starts, items in flight are stopped, results are kept.

        With ``drain`` the items in flight may finish.
        """
        request = CancelRequest(reason=reason, drain=drain)
        await self._signal(batch_id, names.CANCEL_SIGNAL, request)

    async def pause(self, batch_id: str) -> None:
        """Pause the batch: it starts no more items until it is resumed."""
        await self._signal(batch_id, names.PAUSE_SIGNAL)

    async def resume(self, batch_id: str) -> None:
        """Resume a paused batch."""
        await self._signal(batch_id, names.RESUME_SIGNAL)

    async def set_concurrency(self, batch_id: str, concurrency: int) -> int:
        """Change how many items may be in flight, 1..256, and return the new number.

        Raises:
            UsageError: the number is out of range.
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
        except WorkflowUpdateRPCTimeoutOrCancelledError:  # not an RPCError, and without the cause
            raise UnavailableError(
                "No worker has accepted the new concurrency yet.",
                "Check that a worker runs, and send the request again.",
            ) from None
        except WorkflowUpdateFailedError as error:
            raise UsageError(f"The batch rejected the change: {error.cause}.") from None
        return accepted

    async def result(self, batch_id: str) -> BatchResult:
        """Wait for the end of the batch, and return its result.

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
        """Wait until the batch's latest workflow has ended, with any status.

        It is one long poll, which costs the server nothing while the batch runs.
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
