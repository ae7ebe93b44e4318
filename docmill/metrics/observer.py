"""Observation of shared services and of the open work, published as gauges."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

import structlog

from docmill.contracts.names import (
    BATCH_QUEUE,
    DELIVERIES_QUEUE,
    LOCAL_ENGINES_QUEUE,
    LOCAL_GROUPS_QUEUE,
    REMOTE_ENGINES_QUEUE,
)
from docmill.contracts.words import OPEN_BATCHES
from docmill.errors import UnavailableError, bounded
from docmill.metrics import catalogue
from docmill.metrics.catalogue import Metric
from docmill.metrics.labels import MAX_PROJECTS, ProjectLabels
from docmill.records.database import Database
from docmill.records.overview import OpenWork, open_work
from docmill.temporal.connections import QueueType, TemporalLink

EVERY_SECONDS = 5.0
"""Interval of observations, below the usual interval of Prometheus."""

PATIENCE_SECONDS = 5.0
"""A service that does not answer within this time counts as away."""

QUEUES = (
    (BATCH_QUEUE, QueueType.WORKFLOW),
    (BATCH_QUEUE, QueueType.ACTIVITY),
    (LOCAL_ENGINES_QUEUE, QueueType.ACTIVITY),
    (LOCAL_GROUPS_QUEUE, QueueType.ACTIVITY),
    (REMOTE_ENGINES_QUEUE, QueueType.ACTIVITY),
    (DELIVERIES_QUEUE, QueueType.WORKFLOW),
)
"""Task queues that are observed, in the default namespace."""

UNKNOWN = float("nan")
"""Value of a gauge while its source is away."""

log = structlog.get_logger(__name__)


class Gauges(Protocol):
    """Publishes gauges."""

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge; ``labels`` are the values of its labels, in order."""


class StuckBatches:
    """Counts batches without progress, by the clock of this process alone."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Create the counter; a batch is stuck after ``seconds`` without an outcome."""
        self._seconds = seconds
        self._clock = clock
        self._since: dict[str, tuple[tuple[int, int], float]] = {}

    def count(self, progress: Mapping[str, tuple[int, int]]) -> int:
        """Return how many are stuck.

        Args:
            progress: epoch and number of outcomes of each batch that should make progress, by id.
        """
        now = self._clock()
        since = {}
        for batch_id, state in progress.items():
            before = self._since.get(batch_id)
            since[batch_id] = before if before and before[0] == state else (state, now)
        self._since = since
        return sum(now - at >= self._seconds for _, at in since.values())


class Observer:
    """Observes the database, Temporal and the open work periodically.

    It observes alone: what several processes publish are the same numbers, of which a query takes
    the maximum.
    """

    def __init__(
        self,
        gauges: Gauges,
        database: Database,
        temporal: TemporalLink,
        *,
        stuck: StuckBatches,
        projects: ProjectLabels,
        deployment: str = "",
        own: Callable[[], None] = lambda: None,
    ) -> None:
        """Create the observer.

        Args:
            gauges: publishes what it finds.
            database: of every project.
            temporal: the connection to observe.
            stuck: counts batches without progress.
            projects: learns the names of projects.
            deployment: name of the worker deployment; empty if the workers have no versions.
            own: publishes the gauges of this process itself; called with each observation.
        """
        self._gauges = gauges
        self._database = database
        self._temporal = temporal
        self._stuck = stuck
        self._projects = projects
        self._deployment = deployment
        self._own = own
        self._pending: dict[str, asyncio.Task[None]] = {}

    @asynccontextmanager
    async def observing(self) -> AsyncIterator[None]:
        """Observe periodically during the block, without waiting for the first observation."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            # A cancelled statement would leak its connection, so running ones may finish.
            await asyncio.wait([task, *self._pending.values()], timeout=PATIENCE_SECONDS)

    async def _run(self) -> None:
        while True:
            try:
                await self.observe()
            except Exception:  # one bad answer must not end the observation
                log.exception("metrics.unexpected")
            await asyncio.sleep(EVERY_SECONDS)

    async def observe(self) -> None:
        """Publish the current state of everything."""
        self._own()
        await asyncio.gather(
            self._checked("database", catalogue.DATABASE_UP, self._observe_work, self._forget_work),
            self._checked(
                "temporal", catalogue.TEMPORAL_UP, self._observe_queues, self._forget_queues
            ),
        )

    async def _checked(
        self,
        name: str,
        up: Metric,
        observe: Callable[[], Awaitable[None]],
        forget: Callable[[], None],
    ) -> None:
        """Observe a service, and publish whether it answered in time."""
        task = self._pending.get(name)
        if task is None:
            task = self._pending[name] = asyncio.ensure_future(observe())
        done, _ = await asyncio.wait([task], timeout=PATIENCE_SECONDS)
        error: BaseException | None = None
        if done:
            del self._pending[name]
            error = task.exception()
            if error is not None and not isinstance(error, UnavailableError):
                log.error("metrics.unexpected", service=name, reason=bounded(repr(error)))
        is_up = bool(done) and error is None
        self._gauges.set(up, float(is_up))
        if not is_up:
            forget()

    async def _observe_work(self) -> None:
        async with self._database.read() as session:
            self._publish_work(await open_work(session, projects=MAX_PROJECTS))

    def _publish_work(self, work: OpenWork) -> None:
        self._projects.learn(work.projects)
        for status, number in work.batches.items():
            self._gauges.set(catalogue.BATCHES, number, status)
        self._gauges.set(catalogue.ITEMS_WAITING, work.items_waiting)
        self._gauges.set(catalogue.BATCHES_STUCK, self._stuck.count(work.progress))
        self._gauges.set(catalogue.WEBHOOKS_PENDING, work.webhooks_pending)

    def _forget_work(self) -> None:
        for status in OPEN_BATCHES:
            self._gauges.set(catalogue.BATCHES, UNKNOWN, status)
        for metric in (
            catalogue.ITEMS_WAITING,
            catalogue.BATCHES_STUCK,
            catalogue.WEBHOOKS_PENDING,
        ):
            self._gauges.set(metric, UNKNOWN)

    async def _observe_queues(self) -> None:
        states = await asyncio.gather(*(self._temporal.queue(*queue) for queue in QUEUES))
        for (queue, kind), state in zip(QUEUES, states, strict=True):
            self._gauges.set(catalogue.QUEUE_TASKS, state.tasks, queue, kind)
            self._gauges.set(catalogue.QUEUE_AGE, state.age_seconds, queue, kind)
            self._gauges.set(catalogue.QUEUE_POLLERS, state.pollers, queue, kind)
        stalled = await self._temporal.stalled_batches(self._deployment)
        self._gauges.set(catalogue.BATCHES_WITHOUT_WORKERS, stalled)

    def _forget_queues(self) -> None:
        for queue, kind in QUEUES:
            for metric in (catalogue.QUEUE_TASKS, catalogue.QUEUE_AGE, catalogue.QUEUE_POLLERS):
                self._gauges.set(metric, UNKNOWN, queue, kind)
        self._gauges.set(catalogue.BATCHES_WITHOUT_WORKERS, UNKNOWN)
