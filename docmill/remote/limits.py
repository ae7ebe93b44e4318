"""Limits of requests to remote hosts, shared by all batches of a worker."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

MAX_HOLD_SECONDS = 300.0
"""Maximum pause, even if a host requests a longer one."""


class HostLimit:
    """The adaptive concurrency limit and the rate limit of one host.

    A response 429 or 503 halves the limit, once for all requests that were in flight. Every later
    success raises it a little, by about one after as many successes as requests are in flight.
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
            concurrency: maximum requests in flight.
            rate: maximum requests per second; 0 sets no limit.
            clock: a monotonic clock in seconds.
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
        """The current maximum of requests in flight."""
        return max(1, int(self._allowed))

    @property
    def in_flight(self) -> int:
        """The current number of requests in flight."""
        return self._in_flight

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[float]:
        """Wait until a request may start; yield its start time, for `slow_down`."""
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
        """Lower the limit, and start no request for ``pause`` seconds.

        Args:
            began: start time of the rejected request, from `turn`.
            pause: from ``Retry-After``.
        """
        now = self._clock()
        if began >= self._halved_at:
            self._allowed = max(1.0, self._allowed / 2)
            self._halved_at = now
        if pause is not None:
            self._held_until = max(self._held_until, now + min(pause, MAX_HOLD_SECONDS))

    def succeeded(self) -> None:
        """Raise the limit a little after a successful request."""
        self._allowed = min(float(self._most), self._allowed + 1 / self._allowed)

    async def _until_due(self) -> None:
        """Wait for the end of any pause, and then for this request's slot in the rate."""
        while True:
            now = self._clock()
            due = max(now, self._next_at, self._held_until)
            self._next_at = due + self._interval
            await self._sleep(due - now)
            if self._held_until <= due:
                return


class HostLimits:
    """One `HostLimit` per remote host, shared by all users in this process."""

    def __init__(self, concurrency: int, rate: float = 0) -> None:
        """Create it with the limits of each host."""
        self._limits = (concurrency, rate)
        self._hosts: dict[str, HostLimit] = {}

    @property
    def known(self) -> Mapping[str, HostLimit]:
        """The limits of all hosts so far, by host."""
        return self._hosts

    def of(self, url: str) -> HostLimit:
        """Return the limit of the host in ``url``."""
        host = urlsplit(url).netloc.rpartition("@")[2].lower()
        return self._hosts.setdefault(host, HostLimit(*self._limits))
