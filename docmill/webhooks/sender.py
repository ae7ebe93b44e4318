"""Sends one webhook message: through the fence, without redirects, with a time limit."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from http import HTTPStatus

import httpx

from docmill.errors import bounded
from docmill.outbound.fence import Fence, FencedError
from docmill.records.deliveries import Attempt
from docmill.records.tables.base import now
from docmill.webhooks.messages import Message

ATTEMPT_SECONDS = 30.0
"""Time limit up to the status of the response, as at LlamaCloud."""

_DRAIN_SECONDS = 1.0
_DRAIN_BYTES = 65_536
"""The response body is ignored; a short one is read so that the connection can be reused."""


class Sender:
    """Opens connections to webhook endpoints.

    Args:
        fence: checks the addresses of endpoints.
        seconds: time limit of one attempt.
    """

    def __init__(self, fence: Fence, *, seconds: float = ATTEMPT_SECONDS) -> None:
        self._fence = fence
        self._seconds = seconds

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """TLS context, created for the first delivery because loading certificates takes 0.1 s."""
        return httpx.create_ssl_context()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["Connection"]:
        """Yield connections for one round of one endpoint, so that endpoints are independent."""
        async with self._fence.transport(verify=self._tls) as transport:
            yield Connection(transport, self._seconds)


class Connection:
    """Sends messages. It uses a transport, because an HTTP client keeps cookies and logs URLs."""

    def __init__(self, transport: httpx.AsyncBaseTransport, seconds: float) -> None:
        self._transport = transport
        self._seconds = seconds

    async def send(self, message: Message) -> Attempt:
        """Send a message once. Errors are in the returned attempt, without secrets."""
        at, started = now(), time.monotonic()
        status, error = None, None
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._transport.handle_async_request(self._request(message))
            status = response.status_code
            error = _status_error(status)
            await _finish(response)
        except TimeoutError:
            error = f"no answer within {self._seconds:g} s"
        except FencedError as rejected:
            error = bounded(f"{rejected.message} {rejected.hint}")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as failed:
            error = f"no answer: {type(failed).__name__}"
        duration = round((time.monotonic() - started) * 1000)
        return Attempt(at=at, duration_ms=duration, status_code=status, error=error)

    def _request(self, message: Message) -> httpx.Request:
        return httpx.Request(
            "POST",
            message.url,
            headers=message.headers,
            content=message.body,
            extensions={"timeout": httpx.Timeout(self._seconds).as_dict()},
        )


async def _finish(response: httpx.Response) -> None:
    """Read a short body and release the connection; errors here do not fail the attempt."""
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            size = 0
            async for chunk in response.aiter_raw():
                size += len(chunk)
                if size > _DRAIN_BYTES:
                    break
    with suppress(httpx.HTTPError, OSError):
        await response.aclose()


def _status_error(status: int) -> str | None:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if status < HTTPStatus.BAD_REQUEST:
        return f"answered {status}; redirects are not followed"
    return f"answered {status}"
