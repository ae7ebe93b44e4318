"""The events that webhooks hear of: their names, and which of them belong to what.

LlamaCloud's names. What a batch or a job can never reach has no event here: extract jobs are not
announced as running, and a batch that waits for its turn is still pending.
"""

from enum import StrEnum

from docmill.contracts.words import BatchStatus, JobType

TEST_EVENT = "webhook.test"
"""What a test call sends; no other event ever has this name."""

BATCH_EVENTS = {
    BatchStatus.PENDING: "batch.pending",
    BatchStatus.RUNNING: "batch.running",
    BatchStatus.COMPLETED: "batch.success",
    BatchStatus.FAILED: "batch.error",
    BatchStatus.CANCELLED: "batch.cancelled",
}

BATCH_ENDS = tuple(event for status, event in BATCH_EVENTS.items() if status.terminal)


class JobState(StrEnum):
    """What a job can be announced as; the second half of its event's name."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    ERROR = "error"
    PARTIAL_SUCCESS = "partial_success"
    CANCELLED = "cancelled"

    @property
    def status(self) -> str:
        """The job's status in this state, in the words of its endpoint."""
        return _STATUSES.get(self, self.name)


_STATUSES = {
    JobState.SUCCESS: "COMPLETED",
    JobState.PARTIAL_SUCCESS: "COMPLETED",
    JobState.ERROR: "FAILED",
}

_SILENT = {(JobType.EXTRACT, JobState.RUNNING)}


def job_event(job_type: str, state: JobState) -> str | None:
    """Return the name of the event, or None when this product has no such one."""
    return None if (JobType(job_type), state) in _SILENT else f"{job_type}.{state}"


def job_events(job_type: str) -> tuple[str, ...]:
    """Return every event that a job of this product can have."""
    return tuple(filter(None, (job_event(job_type, state) for state in JobState)))


def job_ends(job_type: str) -> tuple[str, ...]:
    """Return the events of which a job has exactly one."""
    begun = (JobState.PENDING, JobState.RUNNING)
    return tuple(f"{job_type}.{state}" for state in JobState if state not in begun)


def subscribed_events(
    api: str, job_type: str, wanted: list[str] | None, *, own_jobs: bool = False
) -> tuple[str, ...]:
    """Return the events that an endpoint gets from one batch.

    Args:
        api: which contract made the batch. v1's batches have no events of their own but for the
            call at their end, and a single job's batch is nobody's business.
        job_type: the product.
        wanted: as the endpoint asks; None means all.
        own_jobs: the endpoint came with the jobs' configuration, and so never hears of the batch.

    Returns:
        What can happen and is wanted. A batch's endpoint that wants all hears of the batch: its
        receiver knows a batch's end by ``status``, which jobs have too. It hears of single files
        when it names their events.
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
