"""Stands in for the OpenTelemetry collector, of which no package exists: prints what it receives.

It takes traces by OTLP over HTTP at the address in the collector's configuration, and writes a line
of JSON for each span.

python otlp_receiver.py --config=FILE
"""

import argparse
import json
import sys
from collections.abc import Iterator
from gzip import decompress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Receiver(BaseHTTPRequestHandler):
    """Answers one exporter."""

    def do_POST(self) -> None:
        """Print the spans of a request."""
        if self.path != "/v1/traces":
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = decompress(body)
        lines = [json.dumps(one) for one in spans(ExportTraceServiceRequest.FromString(body))]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log no requests."""


def spans(request: ExportTraceServiceRequest) -> Iterator[dict[str, Any]]:
    """Yield the spans of a request."""
    for resource in request.resource_spans:
        service = attributes(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield {
                    "service": service,
                    "name": span.name,
                    "trace": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "links": [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
                    "attributes": attributes(span.attributes),
                }


def attributes(found: Any) -> dict[str, Any]:
    """Return attributes as a dictionary."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value") or "") for one in found}


def main() -> None:
    """Listen where the configuration says, until the process ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    config = yaml.safe_load(parser.parse_args().config.read_text(encoding="utf-8"))
    host, port = config["receivers"]["otlp"]["protocols"]["http"]["endpoint"].split(":")
    ThreadingHTTPServer((host, int(port)), Receiver).serve_forever()


if __name__ == "__main__":
    main()
