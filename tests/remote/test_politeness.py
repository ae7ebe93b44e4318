"""The limits of requests to a remote host, on a clock that the tests control."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from docmill.remote.limits import HostLimit, HostLimits


class Clock:
    """Time that passes when everyone waits for it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._waiting: list[tuple[float, asyncio.Event]] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Wait on this clock."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        due = asyncio.Event()
        self._waiting.append((self.now + seconds, due))
        await due.wait()

    async def settle(self) -> None:
        """Let everything run that needs no time."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def pass_by(self, seconds: float) -> None:
        """Let time pass, waking sleepers in their order."""
        end = self.now + seconds
        await self.settle()
        while due := sorted((one for one in self._waiting if one[0] <= end), key=lambda o: o[0]):
            moment, event = due[0]
            self._waiting.remove(due[0])
            self.now = max(self.now, moment)
            event.set()
            await self.settle()
        self.now = end


class Requests:
    """Requests that begin when they may, and end when the test says so."""

    def __init__(self, politeness: HostLimit, clock: Clock) -> None:
        self._politeness = politeness
        self._clock = clock
        self._end = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.began: list[float] = []
        self.in_flight = 0
        self.most = 0

    def ask(self, count: int) -> None:
        """Ask for ``count`` turns."""
        self._tasks += [asyncio.create_task(self._one()) for _ in range(count)]

    async def serve_all(self) -> None:
        """Let every request end as soon as it has begun."""
        self._end.set()
        await self._clock.settle()

    async def stop(self) -> None:
        """End whatever still waits."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _one(self) -> None:
        async with self._politeness.turn():
            self.began.append(self._clock.now)
            self.in_flight += 1
            self.most = max(self.most, self.in_flight)
            try:
                await self._end.wait()
            finally:
                self.in_flight -= 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def opened() -> AsyncIterator[list[Requests]]:
    opened: list[Requests] = []
    yield opened
    for requests in opened:
        await requests.stop()


async def test_requests_in_flight_never_exceed_the_limit(
    clock: Clock, opened: list[Requests]
) -> None:
    requests = Requests(HostLimit(3, clock=clock, sleep=clock.sleep), clock)
    opened.append(requests)
    requests.ask(10)
    await clock.pass_by(60)
    assert requests.in_flight == 3
    await requests.serve_all()
    assert (len(requests.began), requests.most) == (10, 3)


async def test_requests_per_second_never_exceed_the_rate(
    clock: Clock, opened: list[Requests]
) -> None:
    requests = Requests(HostLimit(100, rate=4, clock=clock, sleep=clock.sleep), clock)
    opened.append(requests)
    requests.ask(20)
    for second in range(1, 5):
        await clock.pass_by(1)
        assert len(requests.began) <= 4 * second + 1
    assert min(b - a for a, b in pairwise(requests.began)) >= 0.25


async def test_retry_after_pauses_all_requests_and_the_rate_applies_afterwards(
    clock: Clock, opened: list[Requests]
) -> None:
    politeness = HostLimit(8, rate=2, clock=clock, sleep=clock.sleep)
    requests = Requests(politeness, clock)
    opened.append(requests)
    requests.ask(6)
    await clock.pass_by(0.1)
    politeness.slow_down(clock.now, pause=30)
    before = len(requests.began)
    await clock.pass_by(29)
    assert len(requests.began) == before
    await requests.serve_all()
    await clock.pass_by(10)
    after = requests.began[before:]
    assert len(after) == 6 - before
    assert min(b - a for a, b in pairwise(after)) >= 0.5


async def test_unbounded_retry_after_is_capped(clock: Clock, opened: list[Requests]) -> None:
    politeness = HostLimit(1, clock=clock, sleep=clock.sleep)
    politeness.slow_down(clock.now, pause=1e9)
    requests = Requests(politeness, clock)
    opened.append(requests)
    requests.ask(1)
    await clock.pass_by(301)
    assert len(requests.began) == 1


async def test_concurrency_is_halved_once_for_simultaneous_rejections(clock: Clock) -> None:
    politeness = HostLimit(16, clock=clock, sleep=clock.sleep)
    began = clock.now
    clock.now += 1
    for _ in range(8):
        politeness.slow_down(began)
    assert politeness.allowed == 8
    politeness.slow_down(clock.now)
    assert politeness.allowed == 4
    for _ in range(10):
        clock.now += 1
        politeness.slow_down(clock.now)
    assert politeness.allowed == 1


async def test_concurrency_recovers_slowly_and_never_above_the_limit(
    clock: Clock,
) -> None:
    politeness = HostLimit(16, clock=clock, sleep=clock.sleep)
    politeness.slow_down(clock.now)
    for _ in range(8):
        politeness.succeeded()
    assert politeness.allowed == 8
    politeness.succeeded()
    assert politeness.allowed == 9
    for _ in range(1000):
        politeness.succeeded()
    assert politeness.allowed == 16


async def test_abandoned_request_frees_its_slot_for_others(
    clock: Clock, opened: list[Requests]
) -> None:
    politeness = HostLimit(1, clock=clock, sleep=clock.sleep)
    first, second = Requests(politeness, clock), Requests(politeness, clock)
    opened.extend((first, second))
    first.ask(2)
    await clock.settle()
    second.ask(1)
    await clock.settle()
    await first.stop()
    await clock.settle()
    assert second.in_flight == 1


def test_requests_to_one_host_share_one_limit() -> None:
    hosts = HostLimits(8, 0)
    one = hosts.of("https://api.example.com/v1")
    assert hosts.of("https://API.example.com/other") is one
    assert hosts.of("https://user:secret@api.example.com") is one
    assert hosts.of("https://eu.example.com/v1") is not one
