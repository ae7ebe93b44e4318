"""What crosses Temporal: wire names, payloads, answers. Plain JSON, for clients in any language.

Names here are the public contract: a test pins them to the classes that implement them. New
fields always have defaults, so that an old history and an old client still decode.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from docmill.ids import DEFAULT_PROJECT_ID

# Task queues -------------------------------------------------------------------------------

BATCH_QUEUE = "docmill"
"""Workflows, listing and recording."""
LOCAL_ENGINES_QUEUE = "docmill-local-engines"
"""Items whose engine runs in a child process of the worker."""
REMOTE_ENGINES_QUEUE = "docmill-remote-engines"
"""Items that wait for an engine over HTTP (from part 3 on)."""

# Workflow, queries, signals, updates --------------------------------------------------------

BATCH_WORKFLOW = "Batch"
PROGRESS_QUERY = "progress"
FAILURES_QUERY = "failures"
CANCEL_SIGNAL = "cancel"
PAUSE_SIGNAL = "pause"
RESUME_SIGNAL = "resume"
SET_CONCURRENCY_UPDATE = "set_concurrency"

# Activities ---------------------------------------------------------------------------------

OPEN_BATCH = "open_batch"
NEXT_PAGE = "next_page"
PROCESS_ITEM = "process_item"
RECORD_LOST_ITEM = "record_lost_item"
RECORD_STATE = "record_state"
CLOSE_BATCH = "close_batch"

# Search attributes (the dev server's default allows three Int; the rest are Keyword) ----------

PROJECT_ATTRIBUTE = "DocmillProject"
DIRECTORY_ATTRIBUTE = "DocmillDirectory"
JOB_TYPE_ATTRIBUTE = "DocmillJobType"
STATUS_ATTRIBUTE = "DocmillStatus"
PROCESSED_ATTRIBUTE = "DocmillProcessed"
FAILED_ATTRIBUTE = "DocmillFailed"
TOTAL_ATTRIBUTE = "DocmillTotal"

MAX_INLINE_ITEMS = 1_000
"""Item ids that a Temporal client may pass in the input; more belong into a directory."""
DEFAULT_PAGE_SIZE = 100
"""v1's default; also what one `next_page` returns unless the batch says otherwise."""
MAX_PAGE_SIZE = 1_000
"""v1's bound (api-contract 3.1)."""
DEFAULT_CONTINUE_AS_NEW_THRESHOLD = 1_000
"""Files of one run at most; the history's own bound usually ends a run earlier (ruling 15)."""
MAX_CONCURRENCY = 256
"""In-flight items of one batch: bounded so that one run's history stays under 2,000 events."""


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


# Starting a batch ---------------------------------------------------------------------------


class JobSpec(Payload):
    """The job that runs for every file.

    Attributes:
        type: the product.
        parameters: its parameters in the product's own vocabulary (``tier``, ``page_ranges`` …).
    """

    type: JobType = JobType.PARSE
    parameters: dict[str, Any] = Field(default_factory=dict)


class BatchSpec(Payload):
    """A batch as a program with only a Temporal client describes it; one source is required.

    Attributes:
        project_id: the project that owns the batch.
        source_directory_id: an existing directory.
        folder: a folder that the worker can read; it is listed when the batch opens.
        item_ids: directory-file ids, at most `MAX_INLINE_ITEMS`.
        recursive: whether the folder's subfolders are listed too.
        include: globs of relative paths to take from the folder; empty takes all.
        exclude: globs of relative paths to leave out.
        job: what to run for each file.
        page_size: files that one `next_page` returns, 1..1000.
        continue_as_new_threshold: files of one workflow run at most.
        concurrency: items in flight; None takes the worker's setting.
    """

    project_id: str = DEFAULT_PROJECT_ID
    source_directory_id: str | None = None
    folder: str | None = None
    item_ids: tuple[str, ...] = Field(default=(), max_length=MAX_INLINE_ITEMS)
    recursive: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    job: JobSpec = JobSpec()
    page_size: int = Field(default=DEFAULT_PAGE_SIZE, ge=1, le=MAX_PAGE_SIZE)
    continue_as_new_threshold: int = Field(default=DEFAULT_CONTINUE_AS_NEW_THRESHOLD, ge=1)
    concurrency: int | None = Field(default=None, ge=1, le=MAX_CONCURRENCY)


class BatchInput(Payload):
    """The one argument of the batch workflow; its workflow id must be ``batch_id``.

    Attributes:
        batch_id: ``bat-…`` or ``bjb-…``; any fresh id when ``spec`` is given.
        spec: what to do, when no batch row exists yet (plain Temporal clients).
        carried: set by the workflow itself when it continues as new.
    """

    batch_id: str
    spec: BatchSpec | None = None
    carried: "BatchState | None" = None


class OpenRequest(Payload):
    """Argument of ``open_batch``."""

    batch_id: str
    spec: BatchSpec | None = None


class OpenedBatch(Payload):
    """What the workflow must know about its batch; nothing of it changes later.

    Attributes:
        total: items of the frozen listing.
        epoch: raised by every redrive; fences zombies of an earlier attempt.
        search_attributes: whether the server has ours registered.
        engine_queue: the task queue that runs this batch's items.
        item_timeout_seconds: start-to-close of one item: the engine's limit and a margin.
        cancel_reason: not None when the batch was cancelled before it began.
        started_at: when the batch was first opened.
    """

    project_id: str
    directory_id: str | None
    job_type: JobType
    total: int
    page_size: int
    continue_as_new_threshold: int
    concurrency: int
    epoch: int
    item_timeout_seconds: float
    started_at: datetime
    engine_queue: str = LOCAL_ENGINES_QUEUE
    search_attributes: bool = False
    paused: bool = False
    cancel_reason: str | None = None


class FailedItem(Payload):
    """One failed item, as the ``failures`` query shows it."""

    position: int
    name: str
    failure_class: str


class BatchState(Payload):
    """What one run hands to the next (ruling 16); a few kilobytes whatever the batch's size.

    Attributes:
        opened: None until the first run has opened the batch.
        cursor: position of the last admitted item.
        counted: position up to which `Page.settled` is already in the tally.
        sweep: 0 while paging; 1..3 while closing looks for items without an outcome.
        failures: the last 20.
        concurrency: None until opened, unless an update came first.
        runs: workflow runs so far, this one included.
    """

    opened: OpenedBatch | None = None
    cursor: int = 0
    counted: int = 0
    sweep: int = 0
    tally: Tally = Tally()
    failures: tuple[FailedItem, ...] = ()
    concurrency: int | None = None
    paused: bool = False
    cancel_reason: str | None = None
    runs: int = 1


# Paging -------------------------------------------------------------------------------------


class PageRequest(Payload):
    """Argument of ``next_page``.

    Attributes:
        after: position behind which the page starts.
        limit: items at most.
        count_after: `Page.settled` counts only positions behind this one; a run that stopped in
            the middle of a page fetches its rest again without counting it twice.
        unfinished_only: a sweep: only items that have no outcome yet.
    """

    batch_id: str
    epoch: int
    after: int
    limit: int
    count_after: int = 0
    unfinished_only: bool = False


class ItemRef(Payload):
    """One item of a page: its place in the listing, and its name cut for people."""

    position: int
    name: str


class Page(Payload):
    """The next range of the frozen listing.

    Attributes:
        items: those that need an activity.
        cursor: position of the last listed item of this range.
        more: whether the listing goes on behind ``cursor``.
        settled: outcomes of items of this range that needed no activity: unchanged since they
            were last processed, or already finished before a restart.
    """

    items: tuple[ItemRef, ...] = ()
    cursor: int
    more: bool
    settled: Tally = Tally()


# One item -----------------------------------------------------------------------------------


class ItemTask(Payload):
    """Argument of ``process_item``: ids only; everything else is in the ledger."""

    batch_id: str
    epoch: int
    position: int


class ItemResult(Payload):
    """Answer of ``process_item``. Failures arrive as `ApplicationError` instead."""

    outcome: Outcome


class LostItem(Payload):
    """Argument of ``record_lost_item``: an item that Temporal gave up."""

    batch_id: str
    epoch: int
    position: int
    failure_class: str
    message: str


# The life of a batch ------------------------------------------------------------------------


class StateChange(Payload):
    """Argument of ``record_state``: what changed on a running batch; None leaves a field."""

    batch_id: str
    epoch: int
    paused: bool | None = None
    concurrency: int | None = None
    cancel_reason: str | None = None


class CloseRequest(Payload):
    """Argument of ``close_batch``.

    Attributes:
        ending: the terminal status that the workflow arrived at.
        reason: why, when FAILED or CANCELLED.
        epoch: 0 when the batch could not even be opened.
    """

    batch_id: str
    epoch: int = 0
    ending: Literal[BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.CANCELLED]
    reason: str | None = None


class BatchResult(Payload):
    """How a batch ended: the workflow's result.

    Attributes:
        status: COMPLETED, FAILED or CANCELLED.
        total: items of the listing.
        tally: their outcomes, counted from the ledger.
        unaccounted: names of at most 20 items that have no outcome; then the batch FAILED.
        manifest_key: object key of ``manifest.jsonl``; the Parquet form lies beside it.
    """

    batch_id: str
    status: BatchStatus
    total: int
    tally: Tally
    unaccounted: tuple[str, ...] = ()
    manifest_key: str | None = None
    reason: str | None = None


# Queries, signals, updates ------------------------------------------------------------------


class BatchProgress(Payload):
    """Answer of the ``progress`` query.

    Attributes:
        state: ``opening``, ``running``, ``paused``, ``cancelling`` or ``closing``.
        processed: completed items only.
        rate: items with an outcome per second since the batch started.
        runs: workflow runs so far.
    """

    batch_id: str
    state: str
    total: int
    processed: int
    failed: int
    skipped: int
    cancelled: int
    in_flight: int
    concurrency: int
    runs: int
    rate: float
    started_at: datetime | None = None
    cancel_reason: str | None = None


class CancelRequest(Payload):
    """Argument of the ``cancel`` signal."""

    reason: str = ""


class ConcurrencyChange(Payload):
    """Argument of the ``set_concurrency`` update, 1..`MAX_CONCURRENCY`."""

    concurrency: int


BatchInput.model_rebuild()
