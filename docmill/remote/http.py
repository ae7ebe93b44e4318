"""HTTP requests to remote engines, with limits of concurrency and size, and typed errors."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx

from docmill.errors import FailureClass, ItemFailure, UnavailableError
from docmill.remote.limits import MAX_HOLD_SECONDS, HostLimit
from docmill.settings import MIB

MAX_ANSWER = 64 * MIB
"""Maximum bytes of one response, which is held in memory; answers of models are far smaller."""

_OVERLOADED = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
"""The host requests fewer requests."""
_TRANSIENT = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, *_OVERLOADED})
"""Transient client errors; all server errors are transient too."""


class RemoteHttp:
    """One endpoint. It does not retry; Temporal does."""

    def __init__(
        self,
        base_url: str,
        limit: HostLimit,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: httpx.Timeout,
    ) -> None:
        """Create it without connecting.

        Args:
            base_url: of all paths.
            limit: of its host.
            headers: of every request, including the API key.
            timeout: of one request.
        """
        self._client = httpx.AsyncClient(
            base_url=base_url, headers=dict(headers or {}), timeout=timeout
        )
        self._limit = limit
        self.host = httpx.URL(base_url).host

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def send(
        self, method: str, path: str, *, max_bytes: int = MAX_ANSWER, **request: Any
    ) -> httpx.Response:
        """Send one request and return its response, read completely: 2xx, or a permanent error.

        Args:
            method: ``GET`` …
            path: below the base URL, or an absolute URL.
            max_bytes: maximum size of the decoded response.
            request: arguments of `httpx.AsyncClient.build_request`: ``json``, ``params`` …

        Raises:
            UnavailableError: the host is unavailable or busy; with the ``pause`` it requests.
            ItemFailure: ANSWER_INVALID: the response is larger than ``max_bytes``.
        """
        async with self._limit.turn() as began:
            try:
                outgoing = self._client.build_request(method, path, **request)
                response = await self._client.send(outgoing, stream=True)
                try:
                    answer = await self._whole(response, max_bytes)
                finally:
                    await response.aclose()
            except httpx.RequestError as error:
                raise self._unavailable(f"cannot be reached ({type(error).__name__})") from None
            status = answer.status_code
            if status in _OVERLOADED:
                self._limit.slow_down(began, retry_after(answer))
            if status in _TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise self._unavailable(f"answers {status}", retry_after(answer))
            self._limit.succeeded()
            return answer

    async def _whole(self, response: httpx.Response, max_bytes: int) -> httpx.Response:
        """Read the body of a response, up to ``max_bytes``."""
        content = bytearray()
        async for part in response.aiter_bytes():
            content += part
            if len(content) > max_bytes:
                raise ItemFailure(
                    FailureClass.ANSWER_INVALID,
                    f"The answer of {self.host} is larger than {max_bytes // MIB} MiB.",
                )
        headers = [pair for pair in response.headers.multi_items() if pair[0] not in _WIRE_HEADERS]
        return httpx.Response(
            response.status_code, headers=headers, content=bytes(content), request=response.request
        )

    def _unavailable(self, reason: str, pause: float | None = None) -> UnavailableError:
        return UnavailableError(
            f"The remote engine at {self.host} {reason}.",
            "The item is retried automatically.",
            pause=pause,
        )


_WIRE_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers of the encoded body, which do not apply to the decoded body."""


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds in ``Retry-After``, in either of its formats (RFC 9110).

    The maximum is `MAX_HOLD_SECONDS`.
    """
    value = response.headers.get("Retry-After", "").strip()
    try:
        if value.isdigit():
            seconds = float(value)
        else:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(0.0, seconds), MAX_HOLD_SECONDS)
