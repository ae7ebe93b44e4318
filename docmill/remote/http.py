"""Requests to a remote engine: polite, bounded, and with errors that say whose they are."""

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
"""Bytes of one answer that is held in memory; what models say is far below."""

_ENOUGH = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
"""The host asks for less."""
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, *_ENOUGH})
"""Refusals that pass, beside all from 500 on."""


class RemoteHttp:
    """One endpoint. Nothing is tried again here: Temporal does that, and remembers it."""

    def __init__(
        self,
        base_url: str,
        limit: HostLimit,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: httpx.Timeout,
    ) -> None:
        """Open no connection yet.

        Args:
            base_url: what paths are below.
            limit: of its host.
            headers: for every request; the key is here, and goes nowhere else.
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
        """Send one request and return its whole answer: 2xx, or a refusal that is final.

        Args:
            method: ``GET`` …
            path: below the base URL, or an absolute URL.
            max_bytes: of the answer, decoded.
            request: what `httpx.AsyncClient.build_request` takes: ``json``, ``params`` …

        Raises:
            UnavailableError: the host is away, busy or in trouble; with its own ``pause``.
            ItemFailure: ANSWER_INVALID: the answer is larger than ``max_bytes``.
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
                raise self._away(f"cannot be reached ({type(error).__name__})") from None
            status = answer.status_code
            if status in _ENOUGH:
                self._limit.slow_down(began, retry_after(answer))
            if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise self._away(f"answers {status}", retry_after(answer))
            self._limit.succeeded()
            return answer

    async def _whole(self, response: httpx.Response, max_bytes: int) -> httpx.Response:
        """Return the answer with its bytes, as long as they are not too many."""
        content = bytearray()
        async for part in response.aiter_bytes():
            content += part
            if len(content) > max_bytes:
                raise ItemFailure(
                    FailureClass.ANSWER_INVALID,
                    f"The answer of {self.host} is larger than {max_bytes // MIB} MiB.",
                )
        headers = [pair for pair in response.headers.multi_items() if pair[0] not in _AS_SENT]
        return httpx.Response(
            response.status_code, headers=headers, content=bytes(content), request=response.request
        )

    def _away(self, what: str, pause: float | None = None) -> UnavailableError:
        return UnavailableError(
            f"The remote engine at {self.host} {what}.",
            "The item waits and comes again by itself.",
            pause=pause,
        )


_AS_SENT = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers about the bytes on the wire: what is kept is decoded."""


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, in either of its forms (RFC 9110).

    After `MAX_HOLD_SECONDS` it is asked again in any case.
    """
    asked = response.headers.get("Retry-After", "").strip()
    try:
        if asked.isdigit():
            seconds = float(asked)
        else:
            seconds = (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(0.0, seconds), MAX_HOLD_SECONDS)
