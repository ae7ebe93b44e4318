"""Fetches one document from a URL: through the fence, with limits of bytes, time and redirects.

Errors name only the host of a URL, because its path and query may be secrets. Requests use the
transport directly, because an HTTP client would log URLs and keep cookies.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote

import httpx

from docmill.errors import DocmillError, FailureClass, ItemFailure, Retry
from docmill.outbound.fence import FencedError

MAX_REDIRECTS = 5
CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 30.0
"""Maximum time between two reads."""
PAUSE_SECONDS = 2.0
"""Pause before a retry, without ``Retry-After``."""
MAX_PAUSE_SECONDS = 60.0
"""Maximum pause before a retry, with ``Retry-After``."""
MAX_NAME = 255

_TRANSIENT = frozenset({408, 425, 429})
"""Transient client errors; all server errors are transient too."""
_DECODED = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
"""Encodings with a bounded expansion; others, and nested encodings, can be bombs."""
_HEADERS = {"User-Agent": "docmill", "Accept": "*/*", "Accept-Encoding": "identity"}


class OversizeError(DocmillError):
    """The document is larger than the operator's limit."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A fetched document."""

    size: int
    sha256: str
    content_type: str | None


def name_of(url: httpx.URL) -> str:
    """Return a name for the document at ``url``: the last part of its path, else its host."""
    last = unquote(url.raw_path.split(b"?")[0].rpartition(b"/")[2].decode("ascii"))
    clean = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in last).strip()
    return (clean if clean not in ("", ".", "..") else url.host)[-MAX_NAME:]


async def fetch(
    url: str,
    target: Path,
    transport: httpx.AsyncBaseTransport,
    *,
    max_bytes: int,
    seconds: float,
) -> Fetched:
    """Stream the document at ``url`` to ``target``.

    Args:
        url: http or https.
        target: a file to write; after an error it is incomplete.
        transport: of a fence, which checks ``url`` and every redirect.
        max_bytes: maximum size after decoding.
        seconds: total time limit.

    Raises:
        ItemFailure: ``source_unreachable``, with `Retry.NEVER` if the error is permanent.
        OversizeError: it is larger than ``max_bytes``.
    """
    host = httpx.URL(url).host
    try:
        async with asyncio.timeout(seconds):
            response = await _opened(httpx.URL(url), transport)
            try:
                return await _written(response, target, max_bytes)
            finally:
                await response.aclose()
    except FencedError as error:
        raise _permanent(error.message) from None
    except httpx.DecodingError:
        raise _permanent(f"{host} answered with bytes that cannot be decoded.") from None
    except (TimeoutError, httpx.TimeoutException):
        raise _transient(f"{host} did not answer in time.") from None
    except httpx.TransportError as error:
        raise _transient(f"The connection to {host} failed: {type(error).__name__}.") from None


async def _opened(url: httpx.URL, transport: httpx.AsyncBaseTransport) -> httpx.Response:
    """Follow redirects, and return the response with the document; its body is still unread."""
    timeout = httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS).as_dict()
    for _ in range(1 + MAX_REDIRECTS):
        request = httpx.Request("GET", url, headers=_HEADERS, extensions={"timeout": timeout})
        response = await transport.handle_async_request(request)
        if response.status_code == HTTPStatus.OK:
            return response
        await response.aclose()
        if not response.has_redirect_location:
            raise _rejected(url.host, response)
        try:
            url = url.join(response.headers["location"])
        except httpx.InvalidURL:
            raise _permanent(f"{url.host} redirects to an invalid URL.") from None
    raise _permanent(f"{url.host} redirects more than {MAX_REDIRECTS} times.")


async def _written(response: httpx.Response, target: Path, max_bytes: int) -> Fetched:
    if response.headers.get("content-encoding", "").strip().lower() not in _DECODED:
        raise _permanent("The server uses a content encoding that was not requested.")
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as file:
        async for piece in response.aiter_bytes():
            size += len(piece)
            if size > max_bytes:
                raise OversizeError("The document is larger than the operator's limit.")
            digest.update(piece)
            await asyncio.to_thread(file.write, piece)
    media_type = response.headers.get("content-type", "").split(";")[0].strip()[:MAX_NAME]
    return Fetched(size, digest.hexdigest(), media_type or None)


def _rejected(host: str, response: httpx.Response) -> ItemFailure:
    status = response.status_code
    message = f"{host} answered {status}."
    if status in _TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _transient(message, response.headers.get("retry-after", ""))
    return _permanent(message)


def _permanent(message: str) -> ItemFailure:
    return ItemFailure(FailureClass.SOURCE_UNREACHABLE, message, phase="read", retry=Retry.NEVER)


def _transient(message: str, retry_after: str = "") -> ItemFailure:
    """Return a transient failure; ``retry_after`` is used if it is a number of seconds."""
    requested = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
    pause = min(requested, MAX_PAUSE_SECONDS) or PAUSE_SECONDS
    return ItemFailure(FailureClass.SOURCE_UNREACHABLE, message, phase="read", pause=pause)
