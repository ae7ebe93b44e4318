"""All metrics of Docmill: names, labels and meanings. The reference page is generated from them.

Labels have few values: never a batch, a file or an address of a client. Projects and engines are
capped, see `docmill.metrics.labels`.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The types of metrics of Prometheus that Docmill uses."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Publishers(StrEnum):
    """The processes that expose a metric."""

    WORKER = "worker"
    API = "API"
    BOTH = "worker, API"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: as it is exposed, without the ``_bucket``, ``_sum`` and ``_count`` of a histogram.
        labels: names of its labels.
        meaning: its help text.
        buckets: upper bounds of a histogram.
    """

    name: str
    kind: Kind
    publishers: Publishers
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()

    @property
    def stem(self) -> str:
        """The name of its instrument: both libraries add the ``_total`` of a counter."""
        return self.name.removesuffix("_total")

    @property
    def exposed(self) -> tuple[str, ...]:
        """The names of its series."""
        if self.kind is not Kind.HISTOGRAM:
            return (self.name,)
        return tuple(f"{self.name}{ending}" for ending in ("_bucket", "_sum", "_count"))


OUTCOMES = Metric(
    "docmill_outcomes_total",
    Kind.COUNTER,
    Publishers.BOTH,
    ("outcome",),
    "Items that got their outcome by this process: nearly all by workers; the API cancels those of "
    "a batch that was terminated in Temporal. It exists from the start, as rates need it.",
)
ITEMS = Metric(
    "docmill_items_total",
    Kind.COUNTER,
    Publishers.BOTH,
    ("outcome", "class", "engine", "project"),
    "The same items by failure class, engine and project. class is empty without a failure, "
    "engine if none ran.",
)
PAGES = Metric(
    "docmill_pages_total",
    Kind.COUNTER,
    Publishers.BOTH,
    ("state", "engine", "project"),
    "Pages of settled items that an engine read: state is ok or failed.",
)
ENGINE_SECONDS = Metric(
    "docmill_engine_seconds",
    Kind.HISTOGRAM,
    Publishers.WORKER,
    ("job_type", "engine"),
    "Time of successful runs of engines: of local ones from the start of the task in its process, "
    "of remote ones with their waiting.",
    (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000),
)
ENGINE_SLOTS = Metric(
    "docmill_engine_slots",
    Kind.GAUGE,
    Publishers.WORKER,
    (),
    "Engine processes that this worker may run (DOCMILL_ENGINE_SLOTS).",
)
ENGINE_SLOTS_USED = Metric(
    "docmill_engine_slots_used",
    Kind.GAUGE,
    Publishers.WORKER,
    (),
    "Engine processes that have a task.",
)
SANDBOX_LEVEL = Metric(
    "docmill_sandbox_level",
    Kind.GAUGE,
    Publishers.WORKER,
    ("level",),
    "1 for the confinement of this worker's engine processes: landlock+seccomp, seccomp or none.",
)
REMOTE_ALLOWED = Metric(
    "docmill_remote_requests_allowed",
    Kind.GAUGE,
    Publishers.WORKER,
    ("host",),
    "Requests that may be in flight to a remote engine's host; it falls when the host is busy.",
)
REMOTE_IN_FLIGHT = Metric(
    "docmill_remote_requests_in_flight",
    Kind.GAUGE,
    Publishers.WORKER,
    ("host",),
    "Requests in flight to a remote engine's host.",
)
DATABASE_UP = Metric(
    "docmill_database_up",
    Kind.GAUGE,
    Publishers.BOTH,
    (),
    "1 if the records database answered this process, else 0.",
)
TEMPORAL_UP = Metric(
    "docmill_temporal_up",
    Kind.GAUGE,
    Publishers.BOTH,
    (),
    "1 if Temporal answered this process, else 0.",
)
BATCHES = Metric(
    "docmill_batches",
    Kind.GAUGE,
    Publishers.BOTH,
    ("status",),
    "Batches that have not ended.",
)
ITEMS_WAITING = Metric(
    "docmill_items_waiting",
    Kind.GAUGE,
    Publishers.BOTH,
    (),
    "Items without an outcome in batches that have not ended.",
)
BATCHES_STUCK = Metric(
    "docmill_batches_stuck",
    Kind.GAUGE,
    Publishers.BOTH,
    (),
    "Batches that are neither paused nor queued and got no outcome for DOCMILL_STUCK_SECONDS.",
)
BATCHES_WITHOUT_WORKERS = Metric(
    "docmill_batches_without_workers",
    Kind.GAUGE,
    Publishers.BOTH,
    (),
    "Batches on a former version of the workers that has none any more; 0 without "
    "DOCMILL_WORKER_DEPLOYMENT.",
)
WEBHOOKS_PENDING = Metric(
    "docmill_webhook_events_pending",
    Kind.GAUGE,
    Publishers.BOTH,
    (),
    "Webhook events that are not delivered yet; counted up to 100,000.",
)
QUEUE_TASKS = Metric(
    "docmill_queue_tasks",
    Kind.GAUGE,
    Publishers.BOTH,
    ("task_queue", "type"),
    "Tasks that wait in a task queue of Temporal; approximate.",
)
QUEUE_AGE = Metric(
    "docmill_queue_age_seconds",
    Kind.GAUGE,
    Publishers.BOTH,
    ("task_queue", "type"),
    "Age of the oldest task that waits in a task queue of Temporal; approximate.",
)
QUEUE_POLLERS = Metric(
    "docmill_queue_pollers",
    Kind.GAUGE,
    Publishers.BOTH,
    ("task_queue", "type"),
    "Workers that polled a task queue in the last five minutes.",
)
HTTP_REQUESTS = Metric(
    "docmill_http_requests_total",
    Kind.COUNTER,
    Publishers.API,
    ("method", "route", "status"),
    "Requests by route template; route is empty for URLs that none serves.",
)
HTTP_SECONDS = Metric(
    "docmill_http_request_seconds",
    Kind.HISTOGRAM,
    Publishers.API,
    ("method", "route"),
    "Time from a request's headers to the end of its response.",
    (0.005, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)

METRICS: tuple[Metric, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Metric)
)
"""All metrics, in the order of the reference page."""
