"""The health endpoint of a worker: liveness at ``/healthz``, readiness at ``/readyz``.

The paths are those of the HTTP API, so that one probe fits both. They are answered by the event
loop that runs the worker: one that hangs does not answer.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

from docmill.errors import UnavailableError


class _Health:
    """Answers the probes of one worker; an ASGI application.

    Args:
        polling: set while the worker takes tasks, which is what readiness means. It stays ready
            while the database or Temporal is away: another worker could do no more.
    """

    def __init__(self, polling: asyncio.Event) -> None:
        self._polling = polling

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        status, answer = self._answer(scope["path"])
        headers = [(b"content-type", b"application/json")]
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": headers,
                "trailers": False,
            }
        )
        body = json.dumps(answer).encode()
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _answer(self, path: str) -> tuple[int, Mapping[str, object]]:
        if path == "/healthz":
            return 200, {"status": "ok"}
        if path == "/readyz":
            ready = self._polling.is_set()
            return 200 if ready else 503, {"ready": ready}
        return 404, {"detail": "There are only /healthz and /readyz."}


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the worker."""
        yield


@asynccontextmanager
async def serving_health(address: str, polling: asyncio.Event) -> AsyncIterator[None]:
    """Serve the probes at ``HOST:PORT`` during the block; ``polling`` is set while it is ready.

    Raises:
        UnavailableError: the address cannot be used.
    """
    config = uvicorn.Config(
        _Health(polling),
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
    )
    server = _Server(config)
    with _listen(address) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            server.should_exit = True
            await serving


def _listen(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, int(port)), family=family)
    except (OSError, OverflowError) as error:
        raise UnavailableError(
            f"The address in DOCMILL_WORKER_HEALTH_ADDRESS cannot be used: {error}",
            "Name another port; each process of a machine needs its own.",
        ) from error
