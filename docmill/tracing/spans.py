"""Traces in this process, if they are on; otherwise everything here does nothing.

Only `docmill.tracing.provider` loads OpenTelemetry.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from docmill.errors import UsageError

if TYPE_CHECKING:
    from docmill.tracing.provider import Tracing

_tracing: "Tracing | None" = None


@contextmanager
def tracing(endpoint: str, service: str) -> Iterator[None]:
    """Trace this process during the block, if there is an endpoint; then export what is left.

    Args:
        endpoint: base URL of an OTLP endpoint over HTTP; empty turns tracing off.
        service: name of the process in traces.

    Raises:
        UsageError: the extra ``otel`` is not installed.
    """
    global _tracing  # noqa: PLW0603 - one per process, like OpenTelemetry's own provider
    if not endpoint:
        yield
        return
    try:
        from docmill.tracing.provider import Tracing  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise UsageError(
            f"DOCMILL_OTLP_ENDPOINT needs the extra otel: {error}.",
            "Install docmill[otel]; in a checkout: `uv sync --inexact --extra otel`.",
        ) from None
    _tracing = Tracing(endpoint, service)
    try:
        yield
    finally:
        closing, _tracing = _tracing, None
        closing.close()


def interceptors() -> list[Any]:
    """Return the interceptors for Temporal clients, which are those of their workers too."""
    return [_tracing.interceptor] if _tracing else []


def trace_statements(engines: Any) -> None:
    """Create a span for each statement of these SQLAlchemy engines."""
    if _tracing:
        _tracing.instrument_engines(engines)


def trace_requests(app: Any) -> None:
    """Create a span for each request to a FastAPI application."""
    if _tracing:
        _tracing.instrument_app(app)


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[None]:
    """Run the block in a span below the current one; attributes are named ``docmill.…``."""
    if _tracing is None:
        yield
        return
    named = {f"docmill.{key}": value for key, value in attributes.items()}
    with _tracing.tracer.start_as_current_span(name, attributes=named, record_exception=False):
        yield


def trace_ids() -> dict[str, str]:
    """Return ``trace_id`` and ``span_id`` of the current span, in hexadecimal, if there is one.

    The names are those of OpenTelemetry for logs in other formats. Source:
    https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/.
    """
    return {} if _tracing is None else _tracing.current_ids()


def traceparent() -> str | None:
    """Return the current span as a ``traceparent`` of W3C Trace Context, if there is one."""
    return None if _tracing is None else _tracing.current_header()
