"""Batches, their items and jobs, and results."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from docmill.records.tables.base import BigInt, Table, now


class Batch(Table):
    """A batch: a frozen listing, a snapshot of its configuration, and its state.

    The listing is ``directory_id`` up to ``watermark``, or the rows of `BatchListing`. ``total``
    is fixed at creation. Live counts are in `BatchCount`.
    """

    __tablename__ = "batches"
    __table_args__ = (
        UniqueConstraint("project_id", "identity", "identity_number"),
        # Lists show batches of some APIs. With ``api`` they are counted by the index alone.
        Index(None, "project_id", "created_at", "id", "api"),
        Index(None, "project_id", "directory_id", "created_at", "id", "api"),
        Index(None, "project_id", "status", "created_at", "id", "api"),
        Index(None, "status", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    api: Mapped[str] = mapped_column(default="v2")
    """API that created it: ``v1``, ``v2``, ``cli`` or ``temporal``."""
    name: Mapped[str | None]
    job_type: Mapped[str]
    directory_id: Mapped[str | None] = mapped_column(ForeignKey("directories.id"))
    watermark: Mapped[int | None] = mapped_column(BigInt)
    """None for a batch over `BatchListing` rows."""
    total: Mapped[int] = mapped_column(BigInt)
    configuration_id: Mapped[str | None]
    config: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Configuration object of the request, returned unchanged."""
    parameters: Mapped[dict[str, Any]]
    """Effective parameters: a snapshot that later changes of a configuration do not affect."""
    parameters_hash: Mapped[str]
    engine: Mapped[str] = mapped_column(default="local")
    """Engine of its items, selected at creation."""
    page_size: Mapped[int]
    continue_as_new_threshold: Mapped[int]
    concurrency: Mapped[int]
    items_per_activity: Mapped[int | None]
    """Maximum of small items in one activity; None: derived from their cost."""
    epoch: Mapped[int] = mapped_column(default=1)
    status: Mapped[str] = mapped_column(default="PENDING")
    paused: Mapped[bool] = mapped_column(default=False)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    drain: Mapped[bool] = mapped_column(default=False)
    """Whether a cancel lets items in flight end."""
    reason: Mapped[str | None]
    """Reason of its failure or cancellation."""
    max_failures: Mapped[int | None]
    max_failure_rate: Mapped[float | None]
    redrive_only: Mapped[str | None]
    """Failure class that this redrive selects; None: all unfinished items."""
    redriven_by: Mapped[str | None]
    """Workflow run that requested this redrive, so that it starts only once."""
    settled_before: Mapped[int] = mapped_column(BigInt, default=0)
    """Number of items with an outcome when this execution began."""
    queued_at: Mapped[datetime | None] = mapped_column(default=now)
    """Its place in the queue for admission: time of creation, or of the last redrive."""
    namespace: Mapped[str] = mapped_column(default="default")
    identity: Mapped[str | None]
    """Hash by which equal `run` commands are recognised; None for API batches."""
    identity_number: Mapped[int] = mapped_column(default=0)
    """Number of the batch within its identity. The unique key resolves races."""
    left_out: Mapped[dict[str, Any] | None]
    """Files that the scan of its listing omitted; frozen with the listing."""
    strict: Mapped[list[Any] | None]
    """Codes of warnings that make a completed file fail; None: none."""
    out: Mapped[str | None]
    """Folder or bucket of its results: of its run command, or of the request to the HTTP API."""
    exported_at: Mapped[datetime | None]
    """When a worker had exported the results of this execution; None for a run command."""
    export_error: Mapped[str | None]
    """Why that export does not progress, or has failed."""
    webhooks: Mapped[list[Any] | None]
    """Subscribers by event, frozen at creation; None: no subscribers, and no cost for items."""
    manifest_key: Mapped[str | None]
    manifest_sha256: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    @property
    def exported_by_workers(self) -> bool:
        """Whether workers export its results; a command does that itself."""
        return self.out is not None and self.api != "cli"


class BatchListing(Table):
    """The frozen listing of a batch over named items: one row per item."""

    __tablename__ = "batch_listings"

    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    position: Mapped[int] = mapped_column(BigInt, primary_key=True)
    directory_id: Mapped[str]
    sequence: Mapped[int] = mapped_column(BigInt)


JOBS_WITHOUT_RESULT = text(
    "job_created_at IS NOT NULL AND result_id IS NULL"
    " AND status IN ('pending', 'cancelled', 'skipped')"
)
"""Condition of a partial index: states in which items may have no job, or a job in another state.

Statements have to repeat these exact words to use the index. An item that runs and completes is
never in it, so that the normal path does not pay for it."""


class BatchItem(Table):
    """The ledger: one row per item of a batch, inserted with its page.

    The job of an item is derived from this row, its batch and its result: see
    `docmill.records.jobs`. ``position`` is the directory's sequence number, or the place in
    `BatchListing`. An item without a row is pending.
    """

    __tablename__ = "batch_items"
    __table_args__ = (
        Index(None, "item_id"),
        Index(None, "job_id", unique=True),
        Index(None, "batch_id", "status", "position"),
        Index(
            "ix_batch_items_jobs_without_result",
            "batch_id",
            "status",
            "position",
            sqlite_where=JOBS_WITHOUT_RESULT,
            postgresql_where=JOBS_WITHOUT_RESULT,
        ),
    )

    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    position: Mapped[int] = mapped_column(BigInt, primary_key=True)
    item_id: Mapped[str]
    """Id of the directory file."""
    directory_id: Mapped[str]
    sequence: Mapped[int] = mapped_column(BigInt)
    job_id: Mapped[str]
    """Derived from batch and position, so that repeated claims use the same job."""
    job_created_at: Mapped[datetime | None]
    """Creation of the item's job: with its first claim or its outcome. None: no job yet."""
    job_deleted_at: Mapped[datetime | None]
    """Deletion of the job by a client. The item and its outcome stay."""
    epoch: Mapped[int]
    status: Mapped[str] = mapped_column(default="pending")
    path: Mapped[str]
    size: Mapped[int] = mapped_column(BigInt)
    sha256: Mapped[str | None]
    partial: Mapped[bool] = mapped_column(default=False)
    failure_class: Mapped[str | None]
    failure_message: Mapped[str | None]
    failure_phase: Mapped[str | None]
    skip_reason: Mapped[str | None]
    pages_total: Mapped[int | None]
    pages_ok: Mapped[int | None]
    pages_failed: Mapped[int | None]
    engine: Mapped[str | None]
    engine_version: Mapped[str | None]
    result_id: Mapped[str | None]
    warnings: Mapped[list[Any] | None]
    """Warnings about this file alone, such as its name, and those that made it fail. Warnings about
    its content belong to the result."""
    attempts: Mapped[int] = mapped_column(default=0)
    """Number of claims. It fences stale attempts."""
    claimed_by: Mapped[str | None]
    """Worker process that holds the item, followed by ``/`` and the group, if any. A claim by
    another process of an item held without a group counts a lost worker."""
    cleaned_attempts: Mapped[int] = mapped_column(default=0)
    """Attempts up to this one left no objects in the store except those of a result. Later ones may
    have, because they crashed or could not delete them."""
    engine_failures: Mapped[int] = mapped_column(default=0)
    worker_losses: Mapped[int] = mapped_column(default=0)
    alone: Mapped[bool] = mapped_column(default=False)
    """Whether it needs a separate activity, because it failed or took too long in a group."""
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class BatchCount(Table):
    """Live counts of a batch in shards, updated in the transaction of each outcome.

    The sum over the shards is exact. Sixteen rows reduce contention of workers.
    """

    __tablename__ = "batch_counts"

    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    shard: Mapped[int] = mapped_column(primary_key=True)
    completed: Mapped[int] = mapped_column(BigInt, default=0)
    failed: Mapped[int] = mapped_column(BigInt, default=0)
    skipped: Mapped[int] = mapped_column(BigInt, default=0)
    cancelled: Mapped[int] = mapped_column(BigInt, default=0)


class BatchWarningCount(Table):
    """Number of files of a batch with each warning code, in shards like `BatchCount`.

    Only files with warnings are counted, in the transaction of their outcome. ``name`` is a code,
    or a `docmill.contracts.warnings.WarningKind`: the worst one of the file.
    """

    __tablename__ = "batch_warning_counts"

    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    shard: Mapped[int] = mapped_column(primary_key=True)
    files: Mapped[int] = mapped_column(BigInt)
    first_position: Mapped[int] = mapped_column(BigInt)
    """First file in the listing with the code, shown as an example."""


class JobDetails(Table):
    """Columns of single jobs only: notes of the requester."""

    __tablename__ = "job_details"

    job_id: Mapped[str] = mapped_column(primary_key=True)
    user_metadata: Mapped[dict[str, Any] | None]


class Result(Table):
    """A stored result: output of an engine for bytes and parameters.

    The unique key serves deduplication. The objects are stored under ``object_prefix``. A purged
    result keeps its row, so that references can report it; a recreated result uses the same row.
    """

    __tablename__ = "results"
    __table_args__ = (UniqueConstraint("project_id", "cache_key"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    cache_key: Mapped[str]
    """sha256 over product, bytes, effective parameters and engine versions."""
    job_type: Mapped[str]
    object_prefix: Mapped[str]
    result_sha256: Mapped[str]
    """Hash of ``result.json``, which contains the hashes of its attachments."""
    size: Mapped[int] = mapped_column(BigInt)
    engine: Mapped[str]
    engine_version: Mapped[str]
    media_type: Mapped[str]
    partial: Mapped[bool] = mapped_column(default=False)
    pages_total: Mapped[int]
    pages_ok: Mapped[int]
    pages_failed: Mapped[int]
    usage: Mapped[dict[str, Any] | None]
    """Counters of a remote engine: requests, tokens."""
    warnings: Mapped[list[Any] | None]
    """Warnings as ``{code, message, page}``, at most
    `docmill.contracts.warnings.MAX_WARNINGS`; None if there are none."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    used_at: Mapped[datetime | None]
    """Last time that it replaced an engine run; None: never."""
    purged_at: Mapped[datetime | None]
    """Time of expiry. Its objects are deleted afterwards; then ``object_prefix`` is empty."""


class ItemStep(Table):
    """A saved step of an item, which a retry does not repeat."""

    __tablename__ = "item_steps"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    """Job and epoch: the same for all attempts of one run."""
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Sweep(Table):
    """The latest sweep of a namespace's open batches."""

    __tablename__ = "sweeps"

    namespace: Mapped[str] = mapped_column(primary_key=True)
    turn: Mapped[int] = mapped_column(BigInt)
    """Incremented by the worker that starts a sweep; concurrent increments succeed once."""
    cursor: Mapped[str | None]
    """Where the next sweep continues, if one sweep does not cover all open batches."""
