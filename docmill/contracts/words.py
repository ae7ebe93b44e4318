"""States, outcomes, skip reasons and counts of batches, items and jobs.

It defines all sets of states, such as the open ones, and maps the states of the different APIs.
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Payload(BaseModel):
    """Base of all Temporal payloads: immutable; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True)


class JobType(StrEnum):
    """The product that a batch runs for each file."""

    PARSE = "parse"
    EXTRACT = "extract"
    CLASSIFY = "classify"


class Outcome(StrEnum):
    """The terminal state of an item."""

    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class ItemStatus(StrEnum):
    """The state of an item: the two states before an outcome, and the outcomes."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether the item has its outcome."""
        return self not in (ItemStatus.PENDING, ItemStatus.PROCESSING)


class BatchStatus(StrEnum):
    """The state of a batch, with LlamaCloud's names."""

    PENDING = "PENDING"
    THROTTLED = "THROTTLED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def terminal(self) -> bool:
        """Whether the batch has ended."""
        return self in (BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.CANCELLED)


class V1Status(StrEnum):
    """The state of a batch, with the names of LlamaCloud's v1."""

    PENDING = "pending"
    RUNNING = "running"
    DISPATCHED = "dispatched"
    """Not used by Docmill, which starts a file when a slot is free."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @classmethod
    def of(cls, batch: BatchStatus) -> "V1Status":
        """Return the v1 state of a batch."""
        return cls.PENDING if batch is BatchStatus.THROTTLED else cls(batch.value.lower())

    @property
    def stands_for(self) -> tuple[BatchStatus, ...]:
        """The states of a batch with this v1 state."""
        return tuple(status for status in BatchStatus if V1Status.of(status) is self)


OPEN_BATCHES = tuple(status.value for status in BatchStatus if not status.terminal)
"""The states of a batch that has not ended."""
ENDED_BATCHES = tuple(status.value for status in BatchStatus if status.terminal)
UNFINISHED = tuple(status.value for status in ItemStatus if not status.ended)
"""The states of an item without an outcome."""


class JobStatus(StrEnum):
    """The state of a job, with LlamaCloud's names."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def terminal(self) -> bool:
        """Whether the job has ended."""
        return self not in (JobStatus.PENDING, JobStatus.RUNNING)

    @classmethod
    def of(cls, item: ItemStatus, batch: BatchStatus, *, has_result: bool) -> "JobStatus":
        """Return the state of an item's job.

        The job of a skipped item with a result is COMPLETED. No job of an ended batch is running,
        whatever the state of its item.
        """
        if item is ItemStatus.SKIPPED:
            return cls.COMPLETED if has_result else cls.FAILED
        if item in (ItemStatus.PENDING, ItemStatus.PROCESSING):
            if batch.terminal:
                return cls.CANCELLED if batch is BatchStatus.CANCELLED else cls.FAILED
            return cls.PENDING if item is ItemStatus.PENDING else cls.RUNNING
        return cls(item.value.upper())


class SkipReason(StrEnum):
    """Why an item was skipped, with LlamaCloud's names."""

    ALREADY_PROCESSED = "already_processed"
    SIZE_LIMIT_EXCEEDED = "size_limit_exceeded"


class Tally(Payload):
    """Counts of outcomes; LlamaCloud calls ``completed`` processed."""

    completed: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0

    def merged(self, other: "Tally") -> "Tally":
        """Return the sum of both."""
        return Tally(
            completed=self.completed + other.completed,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
            cancelled=self.cancelled + other.cancelled,
        )

    @property
    def accounted(self) -> int:
        """Items that have an outcome."""
        return self.completed + self.failed + self.skipped + self.cancelled

    def plus(self, outcome: Outcome, count: int = 1) -> "Tally":
        """Return these counts with ``count`` more of ``outcome``."""
        return self.model_copy(update={outcome.value: getattr(self, outcome.value) + count})
