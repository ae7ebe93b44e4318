"""The end of what a process wrote to standard error: it often says why it died."""

import asyncio

_KEPT = 8 * 1024
"""Bytes that are kept."""


class LastWords(asyncio.Protocol):
    """Keeps the end of a stream, and knows when it is over.

    Attributes:
        kept: the bytes.
        complete: done when nothing more comes.
    """

    def __init__(self, complete: asyncio.Future[None]) -> None:
        self.kept = bytearray()
        self.complete = complete

    @property
    def text(self) -> str:
        """What was kept, for a log."""
        return self.kept.decode("utf-8", "replace")

    def data_received(self, data: bytes) -> None:
        """Take what came, and forget what is too long ago."""
        self.kept += data
        del self.kept[:-_KEPT]

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more comes."""
        if not self.complete.done():
            self.complete.set_result(None)
