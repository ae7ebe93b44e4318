"""Before a worker takes work: which code it has, and whether that continues the running batches."""

import asyncio
import hashlib
from functools import cache

import structlog
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Replayer

from docmill.contracts.names import BATCH_WORKFLOW
from docmill.errors import ConflictError, bounded
from docmill.settings import APPLICATION

MOST_HISTORIES = 20
"""Running batches that are tried: code that breaks histories breaks more than one of them."""

SECONDS = 5.0
"""A worker starts at most this much later; what was not tried by then is not tried."""

_RUNNING = f"WorkflowType = '{BATCH_WORKFLOW}' AND ExecutionStatus = 'Running'"

_ENDED = frozenset(
    (
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
    )
)

_BUILD_DIGITS = 12

log = structlog.get_logger(__name__)


@cache
def build_id() -> str:
    """Return what tells this worker's workflow code apart: a hash of its source.

    Temporal shows it with each workflow task. The SDK's own default reads and hashes the code of
    every module of the process, which was a fifth of a worker's start.
    """
    digest = hashlib.sha256()
    for source in sorted((APPLICATION / "workflows").glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:_BUILD_DIGITS]


async def check_histories(client: Client, workflow: type) -> int:
    """Replay the histories of running batches; return how many were replayed.

    A server that cannot list workflows, or is slow to, stops nothing.

    Args:
        client: whose namespace is looked at.
        workflow: the class that would continue them.

    Raises:
        ConflictError: it cannot continue one of them.
    """
    replayer = Replayer(
        workflows=[workflow],
        data_converter=client.data_converter,
        namespace=client.namespace,
        build_id=build_id(),
    )
    replayed = 0
    try:
        async with asyncio.timeout(SECONDS):
            running = client.list_workflows(_RUNNING, limit=MOST_HISTORIES)
            async for execution in running:
                handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
                history = await handle.fetch_history()
                if history.events[-1].event_type in _ENDED:
                    continue  # the list is behind, often after a restart of the server
                result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
                if result.replay_failure is not None:
                    raise _refusal(execution.id, result.replay_failure)
                replayed += 1
    except (RPCError, TimeoutError) as error:
        log.info("preflight.incomplete", replayed=replayed, reason=bounded(repr(error)))
    return replayed


def _refusal(batch_id: str, failure: Exception) -> ConflictError:
    return ConflictError(
        f"This version of Docmill cannot continue the batch {batch_id}: {bounded(str(failure))}",
        "Let workers of the version that began it finish it, or cancel it; then start this one.",
    )
