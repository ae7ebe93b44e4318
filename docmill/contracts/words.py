"""The words of batches, items and jobs: states, outcomes, reasons, counts.

Every list of states in the house is one of these: which are open and which have ended, and which
state of one contract is which of another.
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Payload(BaseModel):
    """Base of everything that crosses Temporal: immutable; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True)


class JobType(StrEnum):
    """The product that a batch runs for each file."""

    PARSE = "parse"
    EXTRACT = "extract"
    CLASSIFY = "classify"


class Outcome(StrEnum):
    """The one terminal state of an item."""

    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class ItemStatus(StrEnum):
    """The state of an item: the outcomes, and the two states before one."""

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
    """The state of a batch, in LlamaCloud's words."""

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
    """The state of a batch, in the words of LlamaCloud's v1."""

    PENDING = "pending"
    RUNNING = "running"
    DISPATCHED = "dispatched"
    """Docmill starts a file when there is room for it, so that no batch is ever in this state."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @classmethod
    def of(cls, batch: BatchStatus) -> "V1Status":
        """Return what v1 calls a state of a batch."""
        return cls.PENDING if batch is BatchStatus.THROTTLED else cls(batch.value.lower())

    @property
    def stands_for(self) -> tuple[BatchStatus, ...]:
        """The states of a batch that v1 calls so."""
        return tuple(status for status in BatchStatus if V1Status.of(status) is self)


OPEN_BATCHES = tuple(status.value for status in BatchStatus if not status.terminal)
"""The states of a batch that can still change by itself."""
ENDED_BATCHES = tuple(status.value for status in BatchStatus if status.terminal)
UNFINISHED = tuple(status.value for status in ItemStatus if not status.ended)
"""The states from which an item may get its outcome."""


class JobStatus(StrEnum):
    """The state of a job, in LlamaCloud's words."""

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

        A skipped item that shares a result has completed. Nothing runs of a batch that has
        ended, whatever its items say.
        """
        if item is ItemStatus.SKIPPED:
            return cls.COMPLETED if has_result else cls.FAILED
        if item in (ItemStatus.PENDING, ItemStatus.PROCESSING):
            if batch.terminal:
                return cls.CANCELLED if batch is BatchStatus.CANCELLED else cls.FAILED
            return cls.PENDING if item is ItemStatus.PENDING else cls.RUNNING
        return cls(item.value.upper())


class SkipReason(StrEnum):
    """Why an item was skipped (LlamaCloud's words)."""

    ALREADY_PROCESSED = "already_processed"
    SIZE_LIMIT_EXCEEDED = "size_limit_exceeded"


class Tally(Payload):
    """Counts of outcomes. ``completed`` is what LlamaCloud calls processed."""

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
