"""OpenTelemetry traces: of requests, and of each activity, which is a trace of its own.

One trace per batch would hold millions of spans. The trace of a group or of a single item is linked
to the span that started its workflow, which belongs to the trace of the creating request.

`docmill.tracing.spans` is used everywhere and costs nothing while tracing is off; only
`docmill.tracing.provider` and `docmill.tracing.interceptor` import OpenTelemetry, the extra
``otel``. Imports errors.
"""
