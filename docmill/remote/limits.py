"""How hard one remote host is asked: one limit for all batches of a worker."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

MAX_HOLD_SECONDS = 300.0
"""A host that asks for a longer silence is asked again after this."""


class HostLimit:
    """Lets requests to one host begin, few enough at a time.

    A host that says 429 or 503 halves what may be in flight, once for everything that was in
    flight when it said so; every request that goes well afterwards gives back a little, until
    after about as many as are in flight one more is allowed.
    """

    def __init__(
        self,
        concurrency: int,
        rate: float = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Start at the full limit.

        Args:
            concurrency: requests in flight at most.
            rate: requests a second at most; 0 sets no limit.
            clock: seconds that only grow.
            sleep: waits on that clock.
        """
        self._most = concurrency
        self._allowed = float(concurrency)
        self._interval = 1 / rate if rate else 0.0
        self._clock = clock
        self._sleep = sleep
        self._in_flight = 0
        self._next_at = 0.0
        self._held_until = 0.0
        self._halved_at = 0.0
        self._changed = asyncio.Condition()

    @property
    def allowed(self) -> int:
        """Requests that may be in flight now."""
        return max(1, int(self._allowed))

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[float]:
        """Wait until a request may begin; yields when it did, for `slow_down`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._in_flight < self.allowed)
            self._in_flight += 1
        try:
            await self._until_due()
            yield self._clock()
        finally:
            self._in_flight -= 1
            async with self._changed:
                self._changed.notify_all()

    def slow_down(self, began: float, pause: float | None = None) -> None:
        """The host has enough: ask for less, and for nothing at all during ``pause`` seconds.

        Args:
            began: when the request that it refused began, as `turn` said.
            pause: what the host asked for, by ``Retry-After``.
        """
        now = self._clock()
        if began >= self._halved_at:
            self._allowed = max(1.0, self._allowed / 2)
            self._halved_at = now
        if pause is not None:
            self._held_until = max(self._held_until, now + min(pause, MAX_HOLD_SECONDS))

    def succeeded(self) -> None:
        """A request was served: after a slow-down, allow a little more."""
        self._allowed = min(float(self._most), self._allowed + 1 / self._allowed)

    async def _until_due(self) -> None:
        """Wait for the end of any silence, and then for this request's place in the rate."""
        while True:
            now = self._clock()
            due = max(now, self._next_at, self._held_until)
            self._next_at = due + self._interval
            await self._sleep(due - now)
            if self._held_until <= due:
                return


class HostLimits:
    """One `HostLimit` per remote host, shared by everything in this process."""

    def __init__(self, concurrency: int, rate: float = 0) -> None:
        """Take the limits that hold for each host."""
        self._limits = (concurrency, rate)
        self._hosts: dict[str, HostLimit] = {}

    def of(self, url: str) -> HostLimit:
        """Return the limit of the host that ``url`` names."""
        host = urlsplit(url).netloc.rpartition("@")[2].lower()
        return self._hosts.setdefault(host, HostLimit(*self._limits))
