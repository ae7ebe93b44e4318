"""File downloads over HTTP: file names for browsers, ``Range`` requests and HEAD."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from urllib.parse import quote

from fastapi import HTTPException, Request, Response
from fastapi.responses import StreamingResponse

SAFETY_HEADERS = {
    # An uploaded HTML page must not run in the origin of this server.
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
}

Content = Callable[[int], AsyncIterator[bytes]]
"""Streams a file from the given byte offset."""


def attachment(name: str) -> dict[str, str]:
    """Return the headers of a download that a browser saves under ``name``."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    extended = f"filename*=UTF-8''{quote(name, safe='')}"
    return {
        **SAFETY_HEADERS,
        "Content-Disposition": f'attachment; filename="{plain}"; {extended}',
    }


def requested_range(header: str | None, size: int) -> range | None:
    """Return the byte range that a ``Range`` header requests; None for the whole file.

    A header with several ranges, with other units, or malformed is ignored, as RFC 9110 allows.

    Raises:
        HTTPException: 416, the file has no such bytes.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", (header or "").replace(" ", ""))
    if match is None or match.group() == "bytes=-":
        return None
    first, last = match[1], match[2]
    if not first:
        part = range(max(0, size - int(last)), size)
    else:
        part = range(int(first), min(int(last) + 1, size) if last else size)
        if last and int(last) < int(first):
            return None
    if not part:
        raise HTTPException(
            416, "The object has no such bytes.", {"Content-Range": f"bytes */{size}"}
        )
    return part


def download(request: Request, name: str, media_type: str, size: int, content: Content) -> Response:
    """Return the response to a GET or HEAD of a file: all of it, or the range of ``Range``.

    Args:
        request: one with ``If-Range`` gets the whole file, because links have no validators.
        name: the name under which a browser saves the file.
        media_type: of the file.
        size: of the whole file, in bytes.
        content: streams the file from an offset.

    Raises:
        HTTPException: 416.
    """
    ranged = None if "if-range" in request.headers else request.headers.get("range")
    part = requested_range(ranged, size)
    length = size if part is None else len(part)
    headers = attachment(name) | {"Accept-Ranges": "bytes", "Content-Length": str(length)}
    if part is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    status = 200 if part is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, media_type=media_type, headers=headers)
    start = 0 if part is None else part.start
    return StreamingResponse(
        _first_bytes(content(start), length), status, media_type=media_type, headers=headers
    )


async def _first_bytes(pieces: AsyncIterator[bytes], length: int) -> AsyncIterator[bytes]:
    async for piece in pieces:
        yield piece[:length]
        length -= len(piece)
        if length <= 0:
            break
    if isinstance(
        pieces, AsyncGenerator
    ):  # it holds a file or a connection open until it is closed
        await pieces.aclose()
