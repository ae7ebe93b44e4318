"""The Temporal Schedule of the retention workflow, created by the first worker."""

from datetime import timedelta

import structlog
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.service import RPCError

from docmill.client import RPC_TIMEOUT
from docmill.contracts.names import DELIVERIES_QUEUE, RETENTION_WORKFLOW

SCHEDULE_ID = "docmill-retention"
EVERY = timedelta(hours=1)

log = structlog.get_logger(__name__)


async def ensure_retention(temporal: Client) -> None:
    """Create the schedule unless it exists; a server without schedules causes a warning."""
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            RETENTION_WORKFLOW,
            id=SCHEDULE_ID,
            task_queue=DELIVERIES_QUEUE,
            static_summary="Docmill retention",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )
    try:
        await temporal.create_schedule(SCHEDULE_ID, schedule, rpc_timeout=RPC_TIMEOUT)
    except ScheduleAlreadyRunningError:
        return
    except RPCError as error:
        log.warning(
            "retention.no_schedule",
            reason=error.message,
            hint="Expired data is not removed; the server may not support schedules.",
        )
