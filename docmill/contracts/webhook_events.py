"""Webhook events: LlamaCloud's names, and the events of each batch and job.

States that a batch or job does not report have no event: extract jobs send no ``running`` event,
and a throttled batch is still pending.
"""

from enum import StrEnum

from docmill.contracts.words import BatchStatus, JobType

TEST_EVENT = "webhook.test"
"""Name of test events."""

BATCH_EVENTS = {
    BatchStatus.PENDING: "batch.pending",
    BatchStatus.RUNNING: "batch.running",
    BatchStatus.COMPLETED: "batch.success",
    BatchStatus.FAILED: "batch.error",
    BatchStatus.CANCELLED: "batch.cancelled",
}

BATCH_ENDS = tuple(event for status, event in BATCH_EVENTS.items() if status.terminal)


class JobState(StrEnum):
    """State of a job in its events; the second part of the event's name."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    ERROR = "error"
    PARTIAL_SUCCESS = "partial_success"
    CANCELLED = "cancelled"

    @property
    def status(self) -> str:
        """The job's status in this state, as the jobs endpoint returns it."""
        return _STATUSES.get(self, self.name)


_STATUSES = {
    JobState.SUCCESS: "COMPLETED",
    JobState.PARTIAL_SUCCESS: "COMPLETED",
    JobState.ERROR: "FAILED",
}

_WITHOUT_EVENT = {(JobType.EXTRACT, JobState.RUNNING)}


def job_event(job_type: str, state: JobState) -> str | None:
    """Return the name of the event, or None if the product has no such event."""
    return None if (JobType(job_type), state) in _WITHOUT_EVENT else f"{job_type}.{state}"


def job_events(job_type: str) -> tuple[str, ...]:
    """Return all events of jobs of this product."""
    return tuple(filter(None, (job_event(job_type, state) for state in JobState)))


def job_ends(job_type: str) -> tuple[str, ...]:
    """Return the final events; every job has exactly one of them."""
    begun = (JobState.PENDING, JobState.RUNNING)
    return tuple(f"{job_type}.{state}" for state in JobState if state not in begun)


def subscribed_events(
    api: str, job_type: str, wanted: list[str] | None, *, own_jobs: bool = False
) -> tuple[str, ...]:
    """Return the events that an endpoint gets from one batch.

    Args:
        api: the API that created the batch. v1 batches have only the event of their end, and the
            batch of a single job has no events.
        job_type: the product.
        wanted: the events in the endpoint; None means all.
        own_jobs: the endpoint belongs to the configuration of the jobs, so it gets no batch events.

    Returns:
        The possible events that are wanted. An endpoint of a batch that wants all gets only batch
        events, because its receiver may take the ``status`` of a job for that of the batch. It gets
        events of single files if it names them.
    """
    of_jobs = job_events(job_type)
    of_batch = tuple(BATCH_EVENTS.values())
    if own_jobs or api == "job":
        possible = default = of_jobs
    elif api == "v1":
        possible, default = (*BATCH_ENDS, *of_jobs), of_jobs
    else:
        possible, default = (*of_batch, *of_jobs), of_batch
    return default if wanted is None else tuple(event for event in possible if event in wanted)
