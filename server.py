"""The process of the HTTP API: ``python server.py --port 8000``.

It reads the settings ``DOCMILL_*`` and Temporal's own ``TEMPORAL_*``. On SIGTERM and SIGINT it
stops gracefully: running requests are completed first.
"""

import argparse
import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Sequence

import structlog
import uvicorn

from docmill.api.app import create_app
from docmill.api.core.access import requires_keys
from docmill.embedded.addresses import listen, url_of
from docmill.embedded.child import ORPHAN_FLAG, parent_exited
from docmill.errors import DocmillError, UnavailableError, UsageError
from docmill.logs import configure_logs
from docmill.settings import LOOPBACK_NAMES, Settings, load_settings
from docmill.tracing.spans import tracing

log = structlog.get_logger("server")

DEFAULT_PORT = 8000
GRACE_SECONDS = 20
"""Time that running requests may take after a stop signal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a stop signal; return the exit code."""
    parser = argparse.ArgumentParser(prog="server.py", description="Docmill's HTTP API.")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="loopback only while there are no API keys (default: 127.0.0.1)",
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one")
    parser.add_argument(
        ORPHAN_FLAG,
        action="store_true",
        dest="tied",
        help="stop when standard input ends; used by the command that started this server",
    )
    options = parser.parse_args(arguments)
    try:
        settings = load_settings()
        configure_logs(settings.log_level, settings.log_format)
        _check_host(options.host, settings)
        traced = tracing(settings.otlp_endpoint, "docmill-api")
        with listen(options.host, options.port) as listener, traced:
            asyncio.run(_serve(settings, listener, tied=options.tied))
    except DocmillError as error:
        log.error("server.failed", reason=error.message, hint=error.hint)
        return 2 if isinstance(error, UsageError) else 3
    except KeyboardInterrupt:
        return 130
    return 0


def _check_host(host: str, settings: Settings) -> None:
    """Reject a public address unless every request requires an API key."""
    if host not in LOOPBACK_NAMES and not asyncio.run(requires_keys(settings)):
        raise UsageError(
            f"Without API keys the server listens on loopback only, not on {host}.",
            "Create a key with `keys create`, or set DOCMILL_AUTH=keys; or leave --host out.",
        )


async def _serve(settings: Settings, listener: socket.socket, *, tied: bool) -> None:
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        lifespan="on",
    )
    url = url_of(listener)
    log.info("server.starting", url=url, docs=f"{url}/docs")
    # uvicorn stops gracefully and then raises the signal again, which must not kill the process.
    signal.signal(signal.SIGTERM, lambda *_: None)
    server = uvicorn.Server(config)
    # Exclude loaded modules from garbage collection: a collection during a page of 1,000 jobs
    # took 50 ms.
    gc.collect()
    gc.freeze()
    orphaned = asyncio.create_task(_stop_with_parent(server)) if tied else None
    await server.serve(sockets=[listener])
    if orphaned is not None:
        orphaned.cancel()
    if not server.started:
        raise UnavailableError("The server could not start; the log above says why.")


async def _stop_with_parent(server: uvicorn.Server) -> None:
    await parent_exited()
    server.should_exit = True


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # A process that used a Temporal client may abort while Python shuts down, so exit directly.
    os._exit(code)
