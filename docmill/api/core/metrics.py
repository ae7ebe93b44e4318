"""Metrics of an API process, served on an address of their own, never with the API."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.process_collector import ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from docmill.api.core.services import Services
from docmill.errors import UnavailableError
from docmill.metrics.catalogue import (
    HTTP_REQUESTS,
    HTTP_SECONDS,
    METRICS,
    Kind,
    Metric,
    Publishers,
)
from docmill.metrics.labels import OTHER, EngineLabels, ProjectLabels
from docmill.metrics.observer import Observer, StuckBatches
from docmill.metrics.outcomes import OutcomeCounts
from docmill.records.scope import EVERY_PROJECT

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SERVER_ERROR = 500


class ApiMetrics:
    """Publishes the metrics of one API process.

    Attributes:
        outcomes: counts what this process settles.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            HTTP_REQUESTS.stem, HTTP_REQUESTS.meaning, HTTP_REQUESTS.labels, registry=self._registry
        )
        self._seconds = Histogram(
            HTTP_SECONDS.stem,
            HTTP_SECONDS.meaning,
            HTTP_SECONDS.labels,
            buckets=HTTP_SECONDS.buckets,
            registry=self._registry,
        )
        self._counters = {
            one.name: Counter(one.stem, one.meaning, one.labels, registry=self._registry)
            for one in METRICS
            if one.kind is Kind.COUNTER and one.publishers is Publishers.BOTH
        }
        self._gauges = {
            one.name: Gauge(one.stem, one.meaning, one.labels, registry=self._registry)
            for one in METRICS
            if one.kind is Kind.GAUGE and one.publishers is not Publishers.WORKER
        }

        self._projects = ProjectLabels()
        self.outcomes = OutcomeCounts(self, self._projects, EngineLabels())

    def add(self, metric: Metric, amount: int, *labels: str) -> None:
        """Add to a counter; ``labels`` are the values of its labels, in order."""
        self._counters[metric.name].labels(*labels).inc(amount)

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge; ``labels`` are the values of its labels, in order."""
        gauge = self._gauges[metric.name]
        (gauge.labels(*labels) if labels else gauge).set(value)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    @asynccontextmanager
    async def exposed(self, services: Services) -> AsyncIterator[None]:
        """Serve the metrics, and observe the services, during the block.

        Raises:
            UnavailableError: ``DOCMILL_API_METRICS_ADDRESS`` cannot be used.
        """
        settings = services.settings
        host, _, port = settings.api_metrics_address.rpartition(":")
        try:
            server, thread = start_http_server(int(port), host.strip("[]"), registry=self._registry)
        except (OSError, OverflowError) as error:
            raise UnavailableError(
                f"The address in DOCMILL_API_METRICS_ADDRESS cannot be used: {error}",
                "Name another port; each process of a machine needs its own.",
            ) from error
        observer = Observer(
            self,
            services.database.scoped(EVERY_PROJECT),
            services.temporal,
            stuck=StuckBatches(settings.stuck_seconds),
            projects=self._projects,
            deployment=settings.worker_deployment,
        )
        try:
            async with observer.observing():
                yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class MetricsMiddleware:
    """Counts requests by method, route and status, and measures their time."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count it when its response ends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = SERVER_ERROR  # of a handler that raises before it answers

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            method = scope["method"] if scope["method"] in METHODS else OTHER
            route = getattr(scope.get("route"), "path", "")
            self._metrics.answered(method, route, status, time.perf_counter() - began)
