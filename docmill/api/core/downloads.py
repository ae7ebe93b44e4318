"""Files as HTTP answers: names that browsers save, parts by Range, and HEAD."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from urllib.parse import quote

from fastapi import HTTPException, Request, Response
from fastapi.responses import StreamingResponse

SAFETY_HEADERS = {
    # An uploaded page must not run as a page of this server.
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
}

Content = Callable[[int], AsyncIterator[bytes]]
"""Gives the bytes of a file from a position on."""


def attachment(name: str) -> dict[str, str]:
    """Return the headers of a download that a browser saves under ``name``."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    extended = f"filename*=UTF-8''{quote(name, safe='')}"
    return {
        **SAFETY_HEADERS,
        "Content-Disposition": f'attachment; filename="{plain}"; {extended}',
    }


def part_of(header: str | None, size: int) -> range | None:
    """Return the bytes that a ``Range`` header asks for; None for all of them.

    A header of several ranges, of other units or malformed is ignored, as RFC 9110 allows.

    Raises:
        HTTPException: 416, the part does not exist.
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
    """Answer a GET or HEAD of a file: all of it, or the part that ``Range`` asks for.

    Args:
        request: a conditional ``If-Range`` gets all, since links have no validators.
        name: under which a browser saves it.
        media_type: of the whole.
        size: of the whole, in bytes.
        content: gives the bytes from a position on.

    Raises:
        HTTPException: 416.
    """
    ranged = None if "if-range" in request.headers else request.headers.get("range")
    part = part_of(ranged, size)
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
    if isinstance(pieces, AsyncGenerator):  # it holds a file or a connection until it is closed
        await pieces.aclose()
