"""What the Temporal server holds of a workflow, as bytes, without any data converter."""

from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.workflowservice.v1 import QueryWorkflowRequest
from temporalio.client import Client, WorkflowHandle


async def raw_workflow(handle: WorkflowHandle[Any, Any]) -> bytes:
    """Return the history and the description: memo, search attributes, summary, activities."""
    events = [event.SerializeToString() async for event in handle.fetch_history_events()]
    described = (await handle.describe()).raw_description.SerializeToString()
    return b"\n".join([*events, described])


async def raw_answer(client: Client, workflow_id: str, query: str) -> bytes:
    """Return the answer of a query as the server passes it on."""
    answer = await client.workflow_service.query_workflow(
        QueryWorkflowRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id),
            query=WorkflowQuery(query_type=query),
        )
    )
    return answer.SerializeToString()
