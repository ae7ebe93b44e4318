"""Metrics of a worker: counters of its items, by the meter of its Temporal runtime."""

import socket
from collections.abc import Mapping

from temporalio.client import Client
from temporalio.common import MetricCounter, MetricGaugeFloat, MetricHistogramFloat, MetricMeter
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from docmill.errors import UnavailableError
from docmill.metrics.catalogue import (
    ENGINE_SECONDS,
    METRICS,
    Kind,
    Metric,
    Publishers,
)
from docmill.metrics.labels import EngineLabels, ProjectLabels
from docmill.metrics.outcomes import OutcomeCounts


def expose(address: str) -> Runtime:
    """Return the runtime of this process, which exposes all metrics of a worker and of the SDK.

    Args:
        address: ``HOST:PORT`` of the endpoint ``/metrics``, which asks for no authentication.

    Raises:
        UnavailableError: the address cannot be used.
    """
    buckets = {one.stem: one.buckets for one in METRICS if one.kind is Kind.HISTOGRAM}
    try:
        prometheus = PrometheusConfig(
            bind_address=_resolved(address),
            counters_total_suffix=True,
            unit_suffix=True,
            durations_as_seconds=True,
            histogram_bucket_overrides=buckets,
        )
        return Runtime(telemetry=TelemetryConfig(metrics=prometheus, attach_service_name=False))
    except (OSError, RuntimeError, ValueError) as error:
        raise UnavailableError(
            f"The address in DOCMILL_WORKER_METRICS_ADDRESS cannot be used: {error}",
            "Name another port; each process of a machine needs its own.",
        ) from error


def _resolved(address: str) -> str:
    """Return the address with an IP address for its host: the SDK takes no names."""
    host, _, port = address.rpartition(":")
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    ip = str(found[0][4][0])
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


class WorkerMetrics:
    """Publishes the metrics of one worker.

    Attributes:
        enabled: whether the runtime exposes metrics; otherwise everything here does nothing.
        projects: labels of the projects.
        outcomes: counts what this worker settles.
    """

    def __init__(self, meter: MetricMeter) -> None:
        self.enabled = meter is not MetricMeter.noop
        self.projects = ProjectLabels()
        self._engines = EngineLabels()
        self._meter = meter
        self._counters: dict[tuple[str, tuple[str, ...]], MetricCounter] = {}
        self._histograms: dict[tuple[str, tuple[str, ...]], MetricHistogramFloat] = {}
        self._gauges: dict[tuple[str, tuple[str, ...]], MetricGaugeFloat] = {}
        self.outcomes = OutcomeCounts(self, self.projects, self._engines)

    @classmethod
    def of(cls, client: Client) -> "WorkerMetrics":
        """Return the metrics that the runtime of a client exposes."""
        runtime = client.service_client.config.runtime or Runtime.default()
        return cls(runtime.metric_meter)

    def engine_ran(self, job_type: str, engine: str, seconds: float) -> None:
        """Record the time of a successful run of an engine."""
        key = (job_type, self._engines.of(engine))
        histogram = self._histograms.get((ENGINE_SECONDS.name, key))
        if histogram is None:
            new = self._meter.create_histogram_float(ENGINE_SECONDS.stem, ENGINE_SECONDS.meaning)
            histogram = new.with_additional_attributes(_labels(ENGINE_SECONDS, key))
            self._histograms[(ENGINE_SECONDS.name, key)] = histogram
        histogram.record(seconds)

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge; ``labels`` are the values of its labels, in order."""
        gauge = self._gauges.get((metric.name, labels))
        if gauge is None:
            new = self._meter.create_gauge_float(metric.stem, metric.meaning)
            gauge = new.with_additional_attributes(_labels(metric, labels))
            self._gauges[(metric.name, labels)] = gauge
        gauge.set(value)

    def add(self, metric: Metric, amount: int, *labels: str) -> None:
        """Add to a counter. The instrument with its labels is kept: that saves two microseconds."""
        counter = self._counters.get((metric.name, labels))
        if counter is None:
            new = self._meter.create_counter(metric.stem, metric.meaning)
            counter = new.with_additional_attributes(_labels(metric, labels))
            self._counters[(metric.name, labels)] = counter
        counter.add(amount)


def _labels(metric: Metric, values: tuple[str, ...]) -> Mapping[str, str]:
    assert metric.publishers is not Publishers.API
    return {name: str(value) for name, value in zip(metric.labels, values, strict=True)}
