"""Files that a result links to: fetched without the key, and only from where that is safe."""

from pathlib import Path

from docmill.errors import ItemFailure, Retry, UnavailableError
from docmill.outbound.fence import Fence
from docmill.outbound.fetch import OversizeError, fetch


class Downloads:
    """Loads files for results, through the fence that holds for every URL from outside."""

    def __init__(self, fence: Fence, seconds: float) -> None:
        """Take the fence, with a gap for the engine's own host, and the time for one file."""
        self._fence = fence
        self._seconds = seconds

    async def load(self, url: str | None, target: Path, max_bytes: int) -> str | None:
        """Write what is at ``url`` to ``target``.

        Returns:
            Why there is no such file; None when there is.

        Raises:
            UnavailableError: the host is away; trying again is right.
        """
        if not url:
            return "there is no link to it"
        try:
            async with self._fence.transport() as transport:
                await fetch(url, target, transport, max_bytes=max_bytes, seconds=self._seconds)
        except ItemFailure as failure:
            if failure.retry is not Retry.NEVER:
                raise UnavailableError(failure.message, pause=failure.pause) from None
            return failure.message
        except OversizeError as error:
            return error.message
        return None
