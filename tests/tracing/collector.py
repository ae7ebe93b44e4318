"""An OTLP endpoint on loopback, which keeps the spans that processes send."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from gzip import decompress
from http.server import BaseHTTPRequestHandler
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.e2e.stand_ins.otlp_receiver import spans as received_spans
from tests.fixtures.serving import serving


@dataclass(frozen=True)
class Span:
    """One span.

    Attributes:
        parent: id of its parent; empty for the root of a trace.
        links: trace and span ids of linked spans.
    """

    service: str
    trace: str
    id: str
    parent: str
    name: str
    attributes: dict[str, Any]
    links: list[tuple[str, str]]


@dataclass(frozen=True)
class Collector:
    """The endpoint and what it has received.

    Attributes:
        bodies: the requests as they came, with everything that spans carry.
    """

    url: str
    spans: list[Span]
    bodies: list[bytes]

    def named(self, name: str) -> list[Span]:
        """The spans of this name."""
        return [span for span in self.spans if span.name == name]

    def below(self, parent: Span) -> list[Span]:
        """All spans below another one."""
        children = [
            one for one in self.spans if (one.trace, one.parent) == (parent.trace, parent.id)
        ]
        return [*children, *(span for child in children for span in self.below(child))]


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run an endpoint."""
    spans: list[Span] = []
    bodies: list[bytes] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = decompress(body)
            bodies.append(body)
            received = received_spans(ExportTraceServiceRequest.FromString(body))
            spans.extend(Span(**one) for one in received)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with serving(Endpoint) as port:
        yield Collector(f"http://127.0.0.1:{port}", spans, bodies)
