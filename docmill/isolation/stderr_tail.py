"""End of a process's standard error, which often contains the reason of its death."""

import asyncio

_KEPT = 8 * 1024
"""Bytes that are stored."""


class StderrTail(asyncio.Protocol):
    """Stores the end of a stream, and signals its end.

    Attributes:
        kept: the stored bytes.
        complete: done at the end of the stream.
    """

    def __init__(self, complete: asyncio.Future[None]) -> None:
        self.kept = bytearray()
        self.complete = complete

    @property
    def text(self) -> str:
        """The stored text, for a log."""
        return self.kept.decode("utf-8", "replace")

    def data_received(self, data: bytes) -> None:
        """Append data, and discard the oldest bytes."""
        self.kept += data
        del self.kept[:-_KEPT]

    def connection_lost(self, exc: Exception | None) -> None:
        """End the stream."""
        if not self.complete.done():
            self.complete.set_result(None)
