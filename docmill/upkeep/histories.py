"""Deletes what Temporal holds of a project: runs of its batches, exports and webhook endpoints."""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from docmill.client import RPC_TIMEOUT
from docmill.errors import UnavailableError
from docmill.records.database import Database
from docmill.records.deletion import workflows_of
from docmill.temporal.connections import TemporalLink

OpenLink = Callable[[], AbstractAsyncContextManager[TemporalLink]]
"""Opens the connections to Temporal; called only if there is something to delete."""

GONE_SECONDS = 180.0
"""Time limit until all runs of a workflow are gone. The server deletes in the background: within a
second, and runs that have just ended within a minute, when it has acknowledged their tasks."""
POLL_SECONDS = 0.5


async def delete_histories(database: Database, open_link: OpenLink) -> None:
    """Delete all workflow runs of the database's project, and wait until Temporal lists none.

    Running ones are terminated first. What Temporal has archived elsewhere stays.

    Raises:
        UnavailableError: Temporal is unavailable, or has not deleted a run in time.
        UsageError: a namespace of a batch is not allowed here.
    """
    if not [group async for group in workflows_of(database)]:
        return
    async with open_link() as link:
        for step in (_request, _finish):  # the server works on all of them meanwhile
            async for group in workflows_of(database):
                await asyncio.gather(*[step(*one) for one in await _named(link, group)])


async def _named(
    link: TemporalLink, workflows: Iterable[tuple[str, str]]
) -> list[tuple[Client, str]]:
    """Return the client and the id of each workflow."""
    return [
        ((await link.batches(namespace)).temporal, workflow_id)
        for namespace, workflow_id in workflows
    ]


async def _request(client: Client, workflow_id: str) -> None:
    """Request the deletion of all runs."""
    with _in_words(workflow_id):
        for run_id, is_running in (await _runs(client, workflow_id)).items():
            await _delete_run(client, workflow_id, run_id, is_running=is_running)


async def _finish(client: Client, workflow_id: str) -> None:
    """Wait until all runs are gone, including those that were not listed before."""
    asked: set[str] = set()
    with _in_words(workflow_id):
        async with asyncio.timeout(GONE_SECONDS):
            while runs := await _runs(client, workflow_id):
                for run_id, is_running in runs.items():
                    if run_id not in asked:
                        await _delete_run(client, workflow_id, run_id, is_running=is_running)
                        asked.add(run_id)
                await asyncio.sleep(POLL_SECONDS)


@contextmanager
def _in_words(workflow_id: str) -> Iterator[None]:
    """Convert errors of Temporal."""
    try:
        yield
    except TimeoutError:
        raise UnavailableError(
            f"Temporal has not deleted the history of {workflow_id} yet.", "Run the command again."
        ) from None
    except RPCError as error:
        raise UnavailableError(
            f"Temporal did not delete the history of {workflow_id} ({error.status.name.lower()}).",
            "Check that the server runs and allows it, or keep the histories.",
        ) from None


async def _runs(client: Client, workflow_id: str) -> dict[str, bool]:
    """Return the ids of all runs, and whether each is running.

    A run that has just started may not be listed yet; the latest is known without the list.
    """
    found: dict[str, bool] = {}
    running = WorkflowExecutionStatus.RUNNING
    async for run in client.list_workflows(f"WorkflowId = {json.dumps(workflow_id)}"):
        found[run.run_id] = run.status is running
    try:
        latest = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=RPC_TIMEOUT)
        found[latest.run_id] = latest.status is running
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    return found


async def _delete_run(client: Client, workflow_id: str, run_id: str, *, is_running: bool) -> None:
    run = WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
    request = DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=run)
    try:
        if is_running:
            handle = client.get_workflow_handle(workflow_id, run_id=run_id)
            await handle.terminate("Its project is deleted.", rpc_timeout=RPC_TIMEOUT)
        await client.workflow_service.delete_workflow_execution(request, timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:  # it is gone, or has ended meanwhile
            raise
