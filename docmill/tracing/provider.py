"""The trace provider of a process, which exports by OTLP over HTTP."""

import os
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from docmill.tracing.interceptor import ActivityTraces

TRACES_PATH = "/v1/traces"
"""Path of traces at an OTLP endpoint. Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp."""

_STATEMENT = "db.statement"
_URLS = frozenset({"http.url", "http.target", "url.full"})
_QUERY = "url.query"
"""Attributes with the query of a request, in both generations of the semantic conventions."""

EXPORT_SECONDS = 3.0
"""Time limit of an export with its retries. A process that stops waits for the last one, and must
not reach the ten seconds after which Docker kills it."""

UNTRACED = "healthz,readyz"
"""Requests without a span: probes of their health."""


class _RouteName:
    """ASGI middleware that names the span of a request by its route, without ids."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            if route := getattr(scope.get("route"), "path", ""):
                span = get_current_span()
                span.update_name(f"{scope['method']} {route}")
                span.set_attribute("http.route", route)


class _Processor(BatchSpanProcessor):
    """Exports spans, except statements outside a trace: each poll would be a trace of its own."""

    def on_end(self, span: ReadableSpan) -> None:
        is_statement = span.kind is SpanKind.CLIENT and _STATEMENT in (span.attributes or {})
        if span.parent is not None or not is_statement:
            super().on_end(span)


def _without_query(span: Any, _scope: object) -> None:
    """Remove the query from the span of a request: that of a signed link grants access."""
    for name in _URLS & (span.attributes or {}).keys():
        span.set_attribute(name, str(span.attributes[name]).partition("?")[0])
    if _QUERY in (span.attributes or {}):
        span.set_attribute(_QUERY, "")


class Tracing:
    """Tracing of this process.

    Attributes:
        tracer: creates spans.
        interceptor: for Temporal clients and their workers.
    """

    def __init__(self, endpoint: str, service: str) -> None:
        """Create the provider.

        Args:
            endpoint: base URL of an OTLP endpoint over HTTP. Headers, sampling and limits come from
                the variables ``OTEL_…`` of OpenTelemetry.
            service: name of the process in traces, unless ``OTEL_SERVICE_NAME`` is set.
        """
        exporter = OTLPSpanExporter(
            endpoint=endpoint.rstrip("/") + TRACES_PATH, timeout=EXPORT_SECONDS
        )
        name = os.environ.get("OTEL_SERVICE_NAME", service)
        self._provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
        self._provider.add_span_processor(_Processor(exporter))
        self.tracer = self._provider.get_tracer("docmill")
        self.interceptor = ActivityTraces(self.tracer)

    def instrument_engines(self, engines: Any) -> None:
        """Create a span for each statement of these SQLAlchemy engines, without its values."""
        # It declares versions before 2.1 only; a test reads its spans with the pinned one.
        SQLAlchemyInstrumentor().instrument(
            engines=list(engines), tracer_provider=self._provider, skip_dep_check=True
        )

    def instrument_app(self, app: Any) -> None:
        """Create a span for each request to a FastAPI application, named by method and route.

        OpenTelemetry's instrumentation of FastAPI skips applications with middleware around the
        framework's own, so this uses the ASGI middleware that it is made of.
        """
        app.add_middleware(_RouteName)
        app.add_middleware(
            OpenTelemetryMiddleware,
            tracer_provider=self._provider,
            excluded_urls=UNTRACED,
            exclude_spans=["send", "receive"],
            server_request_hook=_without_query,
        )

    def current_ids(self) -> dict[str, str]:
        """Return the ids of the current span, see `docmill.tracing.spans.trace_ids`."""
        context = get_current_span().get_span_context()
        if not context.is_valid:
            return {}
        return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}

    def current_header(self) -> str | None:
        """Return the current span as a ``traceparent``, if there is one."""
        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier)
        return carrier.get("traceparent")

    def close(self) -> None:
        """Export what is left, for at most `EXPORT_SECONDS`."""
        self._provider.shutdown()
