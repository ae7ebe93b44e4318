"""Carries the trace context of a workflow's start to its activities, as a Temporal header.

It runs in the workflow's sandbox and imports no OpenTelemetry. The header is copied as it is, also
to the next run of the workflow, so that the code is deterministic.
"""

from typing import Any

from temporalio.worker import (
    ContinueAsNewInput,
    ExecuteWorkflowInput,
    StartActivityInput,
    WorkflowInboundInterceptor,
    WorkflowOutboundInterceptor,
)
from temporalio.workflow import ActivityHandle

TRACE_HEADER = "_tracer-data"
"""The header of Temporal's SDKs. Source: `temporalio.contrib.opentelemetry`."""


class TraceHeaders(WorkflowInboundInterceptor):
    """Remembers the header of the workflow, for `_Outbound`."""

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        """Wrap the calls that the workflow makes."""
        self._outbound = _Outbound(outbound)
        super().init(self._outbound)

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002 - the SDK's
        """Run the workflow."""
        if TRACE_HEADER in input.headers:
            self._outbound.headers = {TRACE_HEADER: input.headers[TRACE_HEADER]}
        return await super().execute_workflow(input)


class _Outbound(WorkflowOutboundInterceptor):
    headers: dict[str, Any]

    def __init__(self, next: WorkflowOutboundInterceptor) -> None:  # noqa: A002 - the SDK's
        super().__init__(next)
        self.headers = {}

    def start_activity(self, input: StartActivityInput) -> ActivityHandle[Any]:  # noqa: A002
        input.headers = {**input.headers, **self.headers}
        return super().start_activity(input)

    def continue_as_new(self, input: ContinueAsNewInput) -> Any:  # noqa: A002
        input.headers = {**input.headers, **self.headers}
        return super().continue_as_new(input)
