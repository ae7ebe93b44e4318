"""The SDK's workflow sandbox, without the calls into it that nothing needs.

For each payload of a workflow task the SDK enters the sandbox three or four times, to ask the
workflow for the context that converters and storage may depend on. Each entry compiles code and
exchanges the interpreter's modules, which was an eighth of what an item with an activity of its
own cost the worker. Docmill's data converter depends on no context.
"""

from typing import Any

from temporalio.converter import DataConverter, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from docmill.temporal.payloads import ContextFreeConverter


def sandbox_for(converter: DataConverter) -> SandboxedWorkflowRunner:
    """Return the runner of workflows for a worker whose client has this data converter.

    With any other than Docmill's it is the SDK's own, which asks. The encryption of payloads
    depends on no context, either.
    """
    context_free = isinstance(converter, ContextFreeConverter)
    return _ContextFree() if context_free else SandboxedWorkflowRunner()


class _ContextFree(SandboxedWorkflowRunner):
    """Runs every workflow in the SDK's sandbox, with its restrictions."""

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _ContextFreeInstance(super().create_instance(det))


class _ContextFreeInstance(WorkflowInstance):
    """A workflow in the sandbox that is entered for its activations only."""

    def __init__(self, inside: WorkflowInstance) -> None:
        self._inside = inside

    def activate(self, act: Any) -> Any:
        return self._inside.activate(act)

    def get_info(self) -> Any:
        return self._inside.get_info()

    def get_thread_id(self) -> int | None:
        return self._inside.get_thread_id()

    def get_serialization_context(self, command_info: Any) -> None:
        return None

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        return StorageDriverStoreContext(target=None)
