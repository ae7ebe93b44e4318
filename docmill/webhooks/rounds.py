"""Delivery rounds: due events of one endpoint, oldest first, until none is due or it fails.

Events of one batch or job are sent one after the other; several batches and jobs in parallel.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

import structlog

from docmill.contracts.deliveries import RoundReport, RoundRequest
from docmill.records.database import Database
from docmill.records.deliveries import DELIVERED, GIVEN_UP, PENDING, Deliveries
from docmill.records.tables.webhooks import WebhookEvent
from docmill.webhooks.messages import message_of
from docmill.webhooks.sender import Connection, Sender

ROUND_SECONDS = 60.0
"""Time after which a round sends no more events, so that its activity is short."""
CHUNK = 64
"""Events of one database read."""
PARALLEL = 4
"""Batches and jobs whose events are sent to one endpoint in parallel."""
MAX_CONSECUTIVE_FAILURES = 3
"""Consecutive failed attempts that end a round."""

log = structlog.get_logger(__name__)


class Rounds:
    """Delivers due events.

    Args:
        database: of the outbox.
        sender: sends messages.
        keep_trying: how long an event is retried before it is given up.
    """

    def __init__(self, database: Database, sender: Sender, *, keep_trying: timedelta) -> None:
        self._database = database
        self._sender = sender
        self._keep_trying = keep_trying

    async def deliver(self, request: RoundRequest, namespace: str) -> RoundReport:
        """Deliver the due events of ``request.endpoint_id``, and return when the next one is due.

        Raises:
            UnavailableError: the database is unavailable; earlier deliveries are recorded.
        """
        async with self._sender.connection() as connection:
            round_ = _Round(self._database, connection, self._keep_trying, request, namespace)
            return await round_.run()


class _Round:
    """The state of one round."""

    def __init__(
        self,
        database: Database,
        connection: Connection,
        keep_trying: timedelta,
        request: RoundRequest,
        namespace: str,
    ) -> None:
        self._database = database
        self._connection = connection
        self._keep_trying = keep_trying
        self._request = request
        self._place = (namespace, request.endpoint_id)
        self._started = time.monotonic()
        self._free = asyncio.Semaphore(PARALLEL)
        self._delivered = self._failed = self._in_a_row = 0

    async def run(self) -> RoundReport:
        while not self._over and (due := await self._due()):
            await self._deliver_all(due)
        async with self._database.read() as session:
            next_at = await Deliveries(session).next_at(*self._place, self._now)
        return RoundReport(
            delivered=self._delivered,
            failed=self._failed,
            rest_seconds=self._rest.total_seconds() if self._resting else None,
            next_at=next_at,
        )

    @property
    def _now(self) -> datetime:
        """The workflow's time at the start of the round, plus the time since."""
        return self._request.at + timedelta(seconds=time.monotonic() - self._started)

    @property
    def _resting(self) -> bool:
        return self._in_a_row >= MAX_CONSECUTIVE_FAILURES

    @property
    def _rest(self) -> timedelta:
        """The pause of the endpoint, which grows with the number of failed rounds."""
        return rest_after(1 if self._delivered else self._request.failing + 1)

    @property
    def _over(self) -> bool:
        return self._resting or time.monotonic() - self._started > ROUND_SECONDS

    async def _due(self) -> Sequence[WebhookEvent]:
        async with self._database.read() as session:
            return await Deliveries(session).due(*self._place, self._now, CHUNK)

    async def _deliver_all(self, due: Sequence[WebhookEvent]) -> None:
        """Deliver a chunk: the events of one subject in their order."""
        subjects = sorted(due, key=lambda event: event.subject_id)
        runs = [list(some) for _, some in groupby(subjects, key=lambda event: event.subject_id)]
        runs.sort(key=lambda some: due.index(some[0]))
        async with asyncio.TaskGroup() as group:
            for some in runs:
                group.create_task(self._deliver_some(some))

    async def _deliver_some(self, events: Sequence[WebhookEvent]) -> None:
        async with self._free:
            for event in events:
                if not self._over:
                    await self._deliver(event)

    async def _deliver(self, event: WebhookEvent) -> None:
        async with self._database.read() as session:
            destination = await Deliveries(session).destination(event)
        if destination is None:
            async with self._database.write() as session:
                await Deliveries(session).drop(event.id)
            return
        attempt = await self._connection.send(message_of(event, destination, int(time.time())))
        state, next_at = DELIVERED, None
        if attempt.error is not None:
            state, next_at = self._after_failure(event)
            log.info("webhook.failed", event_id=event.id, reason=attempt.error, state=state)
        async with self._database.write() as session:
            deliveries = Deliveries(session)
            await deliveries.record(event.id, attempt, next_at=next_at, state=state)
            if state == DELIVERED and self._request.failing and not self._delivered:
                await deliveries.make_due(*self._place)
        self._count(attempt.error is None)

    def _after_failure(self, event: WebhookEvent) -> tuple[str, datetime | None]:
        """Return the state of an event and the time of its next attempt."""
        tries = event.tries + 1
        if is_over(tries, self._keep_trying):
            return GIVEN_UP, None
        return PENDING, self._now + pause_after(tries)

    def _count(self, arrived: bool) -> None:
        self._delivered += arrived
        self._failed += not arrived
        self._in_a_row = 0 if arrived else self._in_a_row + 1


QUICK_SECONDS = (1, 2, 4)
"""Pauses after the first attempts, as at LlamaCloud, which then gives up."""

_PAUSES = (
    *(timedelta(seconds=seconds) for seconds in QUICK_SECONDS),
    *(timedelta(minutes=minutes) for minutes in (1, 5, 30)),
    *(timedelta(hours=hours) for hours in (2, 6, 12, 24)),
)

LONGEST_REST = timedelta(minutes=15)
"""Maximum pause of a failing endpoint, whatever the due times of its events."""


def pause_after(tries: int) -> timedelta:
    """Return the pause after the ``tries``-th failed attempt of an event, at most 24 h."""
    return _PAUSES[min(tries, len(_PAUSES)) - 1]


def is_over(tries: int, keep_trying: timedelta) -> bool:
    """Whether an event is given up after ``tries`` attempts, because the next would be too late.

    The pauses are added up, because the clocks of two hosts cannot be compared.
    """
    waited = sum((pause_after(number) for number in range(1, tries + 1)), timedelta())
    return waited > keep_trying


def rest_after(rounds: int) -> timedelta:
    """Return the pause of an endpoint after ``rounds`` consecutive failed rounds."""
    return min(pause_after(rounds), LONGEST_REST)
