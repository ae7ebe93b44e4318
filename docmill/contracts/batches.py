"""Payloads of the batch workflow: its input, state and result, and those of its activities."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from docmill.contracts.names import (
    LOCAL_ENGINES_QUEUE,
    MAX_CONCURRENCY,
    MAX_GROUP,
    MAX_INLINE_ITEMS,
    MAX_PAGE_SIZE,
)
from docmill.contracts.words import BatchStatus, JobType, Payload, Tally
from docmill.ids import DEFAULT_PROJECT_ID


class JobSpec(Payload):
    """The job that runs for every file.

    Attributes:
        type: the product.
        parameters: in the product's vocabulary (``tier``, ``page_ranges`` …).
    """

    type: JobType = JobType.PARSE
    parameters: dict[str, Any] = Field(default_factory=dict)


class BatchSpec(Payload):
    """Specification of a new batch; exactly one source is required.

    Attributes:
        project_id: the project that owns the batch.
        source_directory_id: an existing directory.
        folder: a folder that the worker can read, or the URL of a bucket (``s3://bucket/prefix``,
            ``gs://…``, ``az://…``); it is listed when the batch is opened.
        item_ids: directory-file ids, at most `MAX_INLINE_ITEMS`.
        recursive: whether the folder's subfolders are listed too.
        include: globs of relative paths to include; empty includes all.
        exclude: globs of relative paths to exclude.
        follow_links: whether symlinks of a folder that stay within it are followed.
        job: the job of each file.
        page_size: files that one `next_page` returns, 1..1000; None means 1,000 if files may
            share an activity, else 100.
        continue_as_new_threshold: maximum files of one workflow run; None means 50,000 if files
            may share an activity, else 1,000.
        concurrency: activities for items in flight; None means the worker's setting.
        items_per_activity: maximum number of small files that share an activity, 1..64. With
            ``auto`` each file of a small batch has its own activity, and the files of a larger
            batch are grouped by their expected work; None means the worker's setting. Large files,
            images and files of remote engines never share an activity.
        max_failures: the batch ends as FAILED once more items than this have failed.
        max_failure_rate: likewise for the ratio (0..1) of failed items to items that ran; checked
            from `FAILURE_SAMPLE` items on.
        strict: codes or kinds of warnings (`docmill.contracts.warnings.strict_codes`) that make
            a completed file fail; None means the setting, ``["none"]`` means none.
    """

    project_id: str = DEFAULT_PROJECT_ID
    source_directory_id: str | None = None
    folder: str | None = None
    item_ids: tuple[str, ...] = Field(default=(), max_length=MAX_INLINE_ITEMS)
    recursive: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    follow_links: bool = False
    job: JobSpec = JobSpec()
    page_size: int | None = Field(default=None, ge=1, le=MAX_PAGE_SIZE)
    continue_as_new_threshold: int | None = Field(default=None, ge=1)
    items_per_activity: Annotated[int, Field(ge=1, le=MAX_GROUP)] | Literal["auto"] | None = None
    concurrency: int | None = Field(default=None, ge=1, le=MAX_CONCURRENCY)
    max_failures: int | None = Field(default=None, ge=0)
    max_failure_rate: float | None = Field(default=None, ge=0, lt=1)
    strict: tuple[str, ...] | None = None


class RedriveRequest(Payload):
    """A redrive: run the items that an ended batch did not complete.

    Attributes:
        only: run only the items of this failure class, or those ``cancelled`` or
            ``size_limit_exceeded``; None runs all that failed, were cancelled or were too large.
        parameters: override those of the batch; completed items keep their results.
        configuration_id: the saved configuration with ``parameters``, for information.
        strict: as in `BatchSpec`; None keeps that of the batch.
    """

    only: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    configuration_id: str | None = None
    strict: tuple[str, ...] | None = None


class BatchInput(Payload):
    """The one argument of the batch workflow; its workflow id must be ``batch_id``.

    Attributes:
        batch_id: ``bat-…`` or ``bjb-…``; any new id if ``spec`` is given.
        spec: the batch, if it has no row yet (plain Temporal clients).
        redrive: redrive an ended batch (plain Temporal clients).
        carried: set by the workflow itself when it continues as new.
    """

    batch_id: str
    spec: BatchSpec | None = None
    carried: "BatchState | None" = None
    redrive: RedriveRequest | None = None


class OpenRequest(Payload):
    """Argument of ``open_batch``."""

    batch_id: str
    spec: BatchSpec | None = None
    redrive: RedriveRequest | None = None


class AdmitRequest(Payload):
    """Argument of ``admit_batch``, which fails until the batch may run."""

    batch_id: str


class OpenedBatch(Payload):
    """Answer of ``open_batch``: the properties of a batch that do not change while it runs.

    Attributes:
        total: items of the frozen listing.
        epoch: incremented by every redrive; fences activities of earlier executions.
        search_attributes: whether the server has Docmill's search attributes.
        engine_queue: the task queue of this batch's items.
        item_timeout_seconds: start-to-close timeout of one item: the engine's limit and a margin.
        cancel_reason: not None if the batch was cancelled before it began.
        started_at: when the batch, or its redrive, was opened.
        admitted: False while the project already runs its maximum of batches.
        unfinished_only: true in a redrive: pages contain only items without an outcome.
        settled: outcomes from before the redrive.
        max_failures: the batch ends as FAILED once more items than this have failed.
        max_failure_rate: likewise for the ratio of failed items to items that ran.
        group_up_to: maximum items that share an activity; 1 gives each item its own.
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
    admitted: bool = True
    unfinished_only: bool = False
    settled: Tally = Tally()
    max_failures: int | None = None
    max_failure_rate: float | None = None
    group_up_to: int = 1

    @property
    def may_stop_early(self) -> bool:
        """Whether failed items can end the batch."""
        return self.max_failures is not None or self.max_failure_rate is not None


class FailedItem(Payload):
    """One failed item, in the answer of the ``failures`` query."""

    position: int
    name: str
    failure_class: str


class StateChange(Payload):
    """Argument of ``record_state``: changes of a running batch; None leaves a field unchanged.

    Without changes the activity only reads the row.
    """

    batch_id: str
    epoch: int
    paused: bool | None = None
    concurrency: int | None = None
    cancel_reason: str | None = None
    drain: bool | None = None


class SteeringState(Payload):
    """Answer of ``record_state``: the state in the row of a running batch."""

    paused: bool
    concurrency: int
    cancel_reason: str | None = None
    drain: bool = False


class BatchState(Payload, frozen=False):
    """State of the workflow, which one run passes to the next; a few kilobytes for any batch.

    Attributes:
        opened: None until the first run has opened the batch.
        cursor: position of the last admitted item.
        counted: position up to which `Page.settled` is already in the tally.
        sweep: 0 while paging; 1..3 during the sweeps for items without an outcome.
        failures: the last 20 failures.
        concurrency: None until opened, unless an update arrived earlier.
        paused: likewise; a signal that arrived earlier overrides the row.
        drain: whether a cancel lets the items in flight finish.
        stop_reason: not None once a failure threshold was exceeded.
        runs: number of workflow runs, including this one.
    """

    opened: OpenedBatch | None = None
    cursor: int = 0
    counted: int = 0
    sweep: int = 0
    tally: Tally = Tally()
    failures: tuple[FailedItem, ...] = ()
    concurrency: int | None = None
    paused: bool | None = None
    cancel_reason: str | None = None
    drain: bool = False
    stop_reason: str | None = None
    runs: int = 1

    @property
    def cancelling(self) -> bool:
        """Whether cancellation was requested."""
        return self.cancel_reason is not None

    @property
    def killing(self) -> bool:
        """Whether the items in flight must be cancelled."""
        return self.cancelling and not self.drain

    @property
    def stopping(self) -> bool:
        """Whether the batch starts no more items because it is ending."""
        return self.cancelling or self.stop_reason is not None

    def begin(self, opened: OpenedBatch) -> None:
        """Apply the opened batch; signals that arrived earlier override its row."""
        self.opened = opened
        self.tally = opened.settled
        self.concurrency = self.concurrency or opened.concurrency
        self.paused = opened.paused if self.paused is None else self.paused
        self.cancel_reason = self.cancel_reason or opened.cancel_reason

    def follow(self, row: SteeringState) -> None:
        """Apply the control state in the batch row."""
        self.paused = row.paused
        self.concurrency = row.concurrency
        self.cancel_reason = row.cancel_reason
        self.drain = row.drain

    def change(self, batch_id: str) -> StateChange:
        """Return the change that brings the row of an opened batch to this state."""
        return StateChange(
            batch_id=batch_id,
            epoch=self.opened.epoch if self.opened else 0,
            paused=self.paused,
            concurrency=self.concurrency,
            cancel_reason=self.cancel_reason,
            drain=self.drain if self.cancelling else None,
        )

    def differs_from(self, opened: OpenedBatch) -> bool:
        """Whether a signal or update changed the state since the row was read."""
        current = (self.paused, self.concurrency, self.cancel_reason)
        return current != (opened.paused, opened.concurrency, opened.cancel_reason)


class CloseRequest(Payload):
    """Argument of ``close_batch``.

    Attributes:
        ending: the terminal status that the workflow reached.
        reason: of FAILED or CANCELLED.
        epoch: 0 if the batch could not be opened.
    """

    batch_id: str
    epoch: int = 0
    ending: Literal[BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.CANCELLED]
    reason: str | None = None


class BatchResult(Payload):
    """The result of the batch workflow.

    Attributes:
        status: COMPLETED, FAILED or CANCELLED.
        total: items of the listing.
        tally: their outcomes, counted from the ledger.
        unaccounted: names of at most 20 items without an outcome; any of them makes it FAILED.
        manifest_key: object key of ``manifest.jsonl``; ``manifest.parquet`` is next to it.
    """

    batch_id: str
    status: BatchStatus
    total: int
    tally: Tally
    unaccounted: tuple[str, ...] = ()
    manifest_key: str | None = None
    reason: str | None = None


class BatchProgress(Payload):
    """Answer of the ``progress`` query.

    Attributes:
        state: ``opening``, ``throttled``, ``running``, ``paused``, ``cancelling``, ``stopping``,
            ``closing``, and at the end ``completed``, ``failed`` or ``cancelled``.
        processed: completed items only.
        rate: outcomes per second since the batch, or its redrive, started.
        runs: number of workflow runs.
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
    """Argument of the ``cancel`` signal.

    Attributes:
        drain: let the items in flight finish; otherwise they are stopped. A later cancel without
            it stops them.
    """

    reason: str = ""
    drain: bool = False


class ConcurrencyChange(Payload):
    """Argument of the ``set_concurrency`` update, 1..`MAX_CONCURRENCY`."""

    concurrency: int


BatchInput.model_rebuild()
