"""Checks before a worker polls: its build id, and whether its code replays the running batches."""

import asyncio
import hashlib
from functools import cache
from pathlib import Path

import structlog
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Replayer

from docmill.contracts.names import BATCH_WORKFLOW
from docmill.errors import ConflictError, bounded
from docmill.settings import APPLICATION, CODE
from docmill.temporal.payloads import unreadable

MOST_HISTORIES = 20
"""Maximum running batches that are replayed: incompatible code breaks more than one of them."""

SECONDS = 5.0
"""Time limit of the check, which delays the start of the worker."""

_RUNNING = f"WorkflowType = '{BATCH_WORKFLOW}' AND ExecutionStatus = 'Running'"

_UNPINNED = "TemporalWorkflowVersioningBehavior IS NULL"

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
    """Return the build id of this worker: a hash of the source of its workflows.

    Temporal shows it with each workflow task. The SDK's default hashes the code of all modules of
    the process, which took a fifth of a worker's start.
    """
    return _hash_of(APPLICATION / "workflows")


@cache
def version_id() -> str:
    """Return the build id of a worker with versioning: a hash of all of Docmill's code."""
    return _hash_of(*(APPLICATION / name for name in ("workflows", "activities")), CODE)


def _hash_of(*folders: Path) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        for source in sorted(folder.rglob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:_BUILD_DIGITS]


async def check_histories(client: Client, workflow: type, *, versioned: bool = False) -> int:
    """Replay the histories of running batches; return the number of replayed histories.

    A server that cannot list workflows, or lists them too slowly, is no error.

    Args:
        client: of the namespace.
        workflow: the class that would continue them.
        versioned: whether the worker has a version. Batches that are pinned to another one do not
            reach it; those that began without versions do.

    Raises:
        ConflictError: the class cannot continue one of them.
        PayloadKeyError: one of them is encrypted with a key that this process does not have.
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
            query = f"{_RUNNING} AND {_UNPINNED}" if versioned else _RUNNING
            running = client.list_workflows(query, limit=MOST_HISTORIES)
            async for execution in running:
                handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
                history = await handle.fetch_history()
                if history.events[-1].event_type in _ENDED:
                    continue  # the list is stale, often after a restart of the server
                result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
                if result.replay_failure is not None:
                    unread = (unreadable(e, client.data_converter) for e in history.events)
                    if error := next(filter(None, unread), None):
                        raise error
                    raise _incompatible(execution.id, result.replay_failure)
                replayed += 1
    except (RPCError, TimeoutError) as error:
        log.info("preflight.incomplete", replayed=replayed, reason=bounded(repr(error)))
    return replayed


def _incompatible(batch_id: str, failure: Exception) -> ConflictError:
    return ConflictError(
        f"This version of Docmill cannot continue the batch {batch_id}: {bounded(str(failure))}",
        "Finish it with workers of the version that started it, or cancel it; then start this one.",
    )
