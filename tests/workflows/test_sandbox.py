"""Workflows run in the sandbox of the SDK, which is entered only for their activations."""

import random
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

with workflow.unsafe.imports_passed_through():
    from docmill.temporal.sandbox import sandbox_for


@workflow.defn(failure_exception_types=[Exception])
class Undetermined:
    """A workflow that another execution would continue differently."""

    @workflow.run
    async def run(self) -> float:
        return random.random()


async def test_sandbox_rejects_nondeterministic_calls(temporal: Client) -> None:
    queue = f"sandbox-{uuid4()}"
    runner = sandbox_for(temporal.data_converter)
    async with Worker(temporal, task_queue=queue, workflows=[Undetermined], workflow_runner=runner):
        with pytest.raises(WorkflowFailureError) as raised:
            await temporal.execute_workflow(Undetermined.run, id=queue, task_queue=queue)
    assert type(runner) is not SandboxedWorkflowRunner
    assert isinstance(raised.value.cause, ApplicationError)
    assert raised.value.cause.type == "RestrictedWorkflowAccessError"


def test_sandbox_is_the_sdk_default_when_a_converter_may_depend_on_context() -> None:
    assert type(sandbox_for(pydantic_data_converter)) is SandboxedWorkflowRunner
