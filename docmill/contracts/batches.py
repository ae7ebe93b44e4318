"""The life of a batch: how it is described, opened, carried on, steered and closed."""

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
        follow_links: whether symlinks of the folder that stay within it are followed.
        job: what to run for each file.
        page_size: files that one `next_page` returns, 1..1000; None takes 1,000 when files may
            share an activity, else 100.
        continue_as_new_threshold: files of one workflow run at most; None takes 50,000 when files
            may share an activity, else 1,000.
        concurrency: activities for items in flight; None takes the worker's setting.
        items_per_activity: how many small files share an activity at most, 1..64. ``auto`` gives
            each file of a small batch its own, and groups those of a larger one by the work that
            they are expected to be; None takes the worker's setting. Large files, pictures and
            files of remote engines never share one.
        max_failures: stop the batch as FAILED once more items than this have failed.
        max_failure_rate: likewise, once a larger part than this (0..1) of the items that ran has
            failed; looked at from `FAILURE_SAMPLE` items on.
        strict: codes or kinds of warnings (`docmill.contracts.warnings.strict_codes`) that turn
            a completed file into a failed one; None takes the setting, ``["none"]`` none.
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
    """Another attempt of a batch that has ended: the items that it did not complete.

    Attributes:
        only: items of one failure class alone, ``cancelled``, or ``size_limit_exceeded``; None
            takes all that failed, were cancelled or were too large.
        parameters: laid over the batch's own; items that completed keep the results they have.
        configuration_id: the stored configuration that ``parameters`` come from, for the record.
        strict: as in `BatchSpec`; None keeps the batch's own.
    """

    only: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    configuration_id: str | None = None
    strict: tuple[str, ...] | None = None


class BatchInput(Payload):
    """The one argument of the batch workflow; its workflow id must be ``batch_id``.

    Attributes:
        batch_id: ``bat-…`` or ``bjb-…``; any fresh id when ``spec`` is given.
        spec: what to do, when no batch row exists yet (plain Temporal clients).
        redrive: run an ended batch again (plain Temporal clients).
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
    """What the workflow must know about its batch; nothing of it changes later.

    Attributes:
        total: items of the frozen listing.
        epoch: raised by every redrive; fences zombies of an earlier attempt.
        search_attributes: whether the server has ours registered.
        engine_queue: the task queue that runs this batch's items.
        item_timeout_seconds: start-to-close of one item: the engine's limit and a margin.
        cancel_reason: not None when the batch was cancelled before it began.
        started_at: when this attempt of the batch was opened.
        admitted: False while the project runs as many batches as it may.
        unfinished_only: an attempt after a redrive: pages hold only items without an outcome.
        settled: outcomes that earlier attempts left.
        max_failures: more failed items of this attempt end the batch as FAILED.
        max_failure_rate: likewise for their part of the items that ran.
        group_up_to: items that share an activity at most; 1 gives each its own.
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
    """One failed item, as the ``failures`` query shows it."""

    position: int
    name: str
    failure_class: str


class StateChange(Payload):
    """Argument of ``record_state``: what changed on a running batch; None leaves a field.

    Without any change it only asks what the row says.
    """

    batch_id: str
    epoch: int
    paused: bool | None = None
    concurrency: int | None = None
    cancel_reason: str | None = None
    drain: bool | None = None


class SteeringState(Payload):
    """Answer of ``record_state``: what the batch row says of a running batch."""

    paused: bool
    concurrency: int
    cancel_reason: str | None = None
    drain: bool = False


class BatchState(Payload, frozen=False):
    """What the workflow knows, and one run hands to the next; a few kilobytes for any batch.

    Attributes:
        opened: None until the first run has opened the batch.
        cursor: position of the last admitted item.
        counted: position up to which `Page.settled` is already in the tally.
        sweep: 0 while paging; 1..3 while closing looks for items without an outcome.
        failures: the last 20.
        concurrency: None until opened, unless an update came first.
        paused: likewise: a pause or resume that came first wins over the row.
        drain: whether a cancel lets the items in flight end.
        stop_reason: not None once a failure threshold was passed.
        runs: workflow runs so far, this one included.
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
        """Whether the batch was asked to stop."""
        return self.cancel_reason is not None

    @property
    def killing(self) -> bool:
        """Whether items in flight must end now."""
        return self.cancelling and not self.drain

    @property
    def stopping(self) -> bool:
        """Whether the batch starts no more items because it ends."""
        return self.cancelling or self.stop_reason is not None

    def begin(self, opened: OpenedBatch) -> None:
        """Take over what was opened; what signals said before wins over the row."""
        self.opened = opened
        self.tally = opened.settled
        self.concurrency = self.concurrency or opened.concurrency
        self.paused = opened.paused if self.paused is None else self.paused
        self.cancel_reason = self.cancel_reason or opened.cancel_reason

    def follow(self, row: SteeringState) -> None:
        """Take over how the batch is steered by its row."""
        self.paused = row.paused
        self.concurrency = row.concurrency
        self.cancel_reason = row.cancel_reason
        self.drain = row.drain

    def change(self, batch_id: str) -> StateChange:
        """Return what makes the row of an opened batch agree with this state."""
        return StateChange(
            batch_id=batch_id,
            epoch=self.opened.epoch if self.opened else 0,
            paused=self.paused,
            concurrency=self.concurrency,
            cancel_reason=self.cancel_reason,
            drain=self.drain if self.cancelling else None,
        )

    def differs_from(self, opened: OpenedBatch) -> bool:
        """Whether the batch was steered since its row was read."""
        here = (self.paused, self.concurrency, self.cancel_reason)
        return here != (opened.paused, opened.concurrency, opened.cancel_reason)


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


class BatchProgress(Payload):
    """Answer of the ``progress`` query.

    Attributes:
        state: ``opening``, ``throttled``, ``running``, ``paused``, ``cancelling``, ``stopping``,
            ``closing``, and at the end ``completed``, ``failed`` or ``cancelled``.
        processed: completed items only.
        rate: items that got their outcome per second since this attempt started.
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
    """Argument of the ``cancel`` signal.

    Attributes:
        drain: let the items in flight end; without it they are stopped. A later cancel without
            it stops them after all.
    """

    reason: str = ""
    drain: bool = False


class ConcurrencyChange(Payload):
    """Argument of the ``set_concurrency`` update, 1..`MAX_CONCURRENCY`."""

    concurrency: int


BatchInput.model_rebuild()
