"""Syncs in Temporal: one run on demand, and the Temporal Schedule of the others."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    WorkflowFailureError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from docmill.client import RPC_TIMEOUT
from docmill.contracts.names import DELIVERIES_QUEUE, SYNC_WORKFLOW
from docmill.contracts.syncs import SyncInput, SyncResult
from docmill.errors import ConflictError, UnavailableError, UsageError


@dataclass(frozen=True, slots=True)
class Timing:
    """When a sync runs; exactly one field is set.

    Attributes:
        every: interval, from midnight UTC on.
        cron: cron expression in UTC, as Temporal reads it.
    """

    every: timedelta | None = None
    cron: str | None = None

    def as_spec(self) -> ScheduleSpec:
        """Return Temporal's form."""
        if self.every is not None:
            return ScheduleSpec(intervals=[ScheduleIntervalSpec(every=self.every)])
        return ScheduleSpec(cron_expressions=[str(self.cron)])


async def run_sync(temporal: Client, sync_id: str, summary: str) -> SyncResult:
    """Run a sync once, and return its result; join it if it is running on demand already.

    Raises:
        ConflictError: it failed, or was cancelled or terminated; the message says why.
        UnavailableError: Temporal is unavailable.
    """
    try:
        handle = await temporal.start_workflow(
            SYNC_WORKFLOW,
            SyncInput(sync_id=sync_id),
            id=sync_id,
            task_queue=DELIVERIES_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=summary,
            result_type=SyncResult,
            rpc_timeout=RPC_TIMEOUT,
        )
        result: SyncResult = await handle.result()
    except WorkflowFailureError as error:
        raise ConflictError(f"The sync did not end: {_reason(error)}") from None
    except RPCError as error:
        raise _unavailable(error) from None
    return result


async def schedule_sync(temporal: Client, sync_id: str, summary: str, timing: Timing) -> None:
    """Create the schedule of a sync, or change it. A run that is due while one runs is skipped.

    Raises:
        UsageError: Temporal does not accept the cron expression.
        UnavailableError: Temporal is unavailable, or has no schedules.
    """
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            SYNC_WORKFLOW,
            SyncInput(sync_id=sync_id),
            id=sync_id,
            task_queue=DELIVERIES_QUEUE,
            static_summary=summary,
        ),
        spec=timing.as_spec(),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
        # A note is no payload: where payloads are encrypted, it would be the only plain text.
        state=ScheduleState(note=None if temporal.data_converter.payload_codec else summary),
    )
    try:
        try:
            await temporal.create_schedule(sync_id, schedule, rpc_timeout=RPC_TIMEOUT)
        except ScheduleAlreadyRunningError:
            handle = temporal.get_schedule_handle(sync_id)
            await handle.update(lambda _: ScheduleUpdate(schedule), rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.INVALID_ARGUMENT:
            raise UsageError(
                f"Temporal does not accept this schedule: {error.message}.",
                "A cron expression has five fields: minute, hour, day, month, day of the week.",
            ) from None
        raise _unavailable(error) from None


async def stop_sync(temporal: Client, sync_id: str) -> bool:
    """Delete the schedule of a sync; return False if there is none. A running sync ends.

    Raises:
        UnavailableError: Temporal is unavailable.
    """
    try:
        await temporal.get_schedule_handle(sync_id).delete(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise _unavailable(error) from None
    return True


def _reason(error: WorkflowFailureError) -> str:
    cause = error.cause
    if isinstance(cause, ActivityError) and isinstance(cause.cause, ApplicationError):
        cause = cause.cause
    return str(getattr(cause, "message", cause))


def _unavailable(error: RPCError) -> UnavailableError:
    return UnavailableError(
        f"Temporal returned an error: {error.message}", "Check its address and its log."
    )
