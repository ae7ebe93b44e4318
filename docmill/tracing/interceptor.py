"""Interceptor of Temporal clients and workers: each activity is a trace of its own."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, Tracer, get_current_span
from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    WorkflowInterceptorClassInput,
)

from docmill.tracing.headers import TraceHeaders


class ActivityTraces(TracingInterceptor):
    """The SDK's spans of client calls; for workers, a trace per activity instead of one per batch.

    A workflow has no spans: it only carries the context of its start to its activities.
    """

    def __init__(self, tracer: Tracer) -> None:
        super().__init__(tracer)

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002 - the SDK's
    ) -> Any:
        """Return the interceptor that carries the context."""
        return TraceHeaders

    def intercept_activity(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002 - the SDK's
    ) -> ActivityInboundInterceptor:
        """Wrap an activity in a new trace."""
        return _ActivityTrace(next, self)

    def start_of(self, headers: Mapping[str, Payload]) -> Context:
        """Return the context in which the workflow of an activity was started."""
        return self._context_from_headers(headers) or Context()


class _ActivityTrace(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, root: ActivityTraces) -> None:  # noqa: A002
        super().__init__(next)
        self._root = root

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        info = activity.info()
        attributes: dict[str, str | int] = {
            "temporalWorkflowID": info.workflow_id or "",
            "temporalRunID": info.workflow_run_id or "",
            "temporalActivityID": info.activity_id,
            "docmill.attempt": info.attempt,
        }
        task = input.args[0] if input.args else None
        for name, attribute in _TASK_ATTRIBUTES.items():
            if isinstance(value := getattr(task, name, None), str | int):
                attributes[attribute] = value
        if (positions := getattr(task, "positions", None)) is not None:
            attributes["docmill.items"] = len(positions)
        started = get_current_span(self._root.start_of(input.headers)).get_span_context()
        with self._root.tracer.start_as_current_span(
            info.activity_type,
            context=Context(),
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            links=[Link(started)] if started.is_valid else [],
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                return await super().execute_activity(input)
            except Exception as error:
                kind = error.type if isinstance(error, ApplicationError) else None
                span.set_attribute("error.type", kind or type(error).__name__)
                if getattr(error, "category", None) is not ApplicationErrorCategory.BENIGN:
                    span.set_status(Status(StatusCode.ERROR))
                raise


_TASK_ATTRIBUTES = {
    "batch_id": "docmill.batch_id",
    "epoch": "docmill.epoch",
    "position": "docmill.position",
}
"""Fields of an activity's argument that its span has, with the names of the attributes."""
