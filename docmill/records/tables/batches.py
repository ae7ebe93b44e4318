"""Batches, their ledger, which holds the jobs too, and the results that items make."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from docmill.records.tables.base import BigInt, Table, now


class Batch(Table):
    """One batch: a frozen listing, a snapshot of what to run, and its state.

    The listing is ``directory_id`` up to ``watermark``, or the rows of `BatchListing`. ``total``
    is fixed at creation. Live counts are in `BatchCount`.
    """

    __tablename__ = "batches"
    __table_args__ = (
        UniqueConstraint("project_id", "identity", "identity_number"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "project_id", "directory_id", "created_at", "id"),
        Index(None, "project_id", "status", "created_at", "id"),
        Index(None, "status", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    api: Mapped[str] = mapped_column(default="v2")
    """Which contract made it: ``v1``, ``v2``, ``cli`` or ``temporal``."""
    name: Mapped[str | None]
    job_type: Mapped[str]
    directory_id: Mapped[str | None] = mapped_column(ForeignKey("directories.id"))
    watermark: Mapped[int | None] = mapped_column(BigInt)
    """None for a batch over `BatchListing` rows."""
    total: Mapped[int] = mapped_column(BigInt)
    configuration_id: Mapped[str | None]
    config: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The request's own configuration object, echoed as it came."""
    parameters: Mapped[dict[str, Any]]
    """The effective parameters: a snapshot that later edits never reach."""
    parameters_hash: Mapped[str]
    engine: Mapped[str] = mapped_column(default="local")
    """What runs its items: chosen once, at creation."""
    page_size: Mapped[int]
    continue_as_new_threshold: Mapped[int]
    concurrency: Mapped[int]
    items_per_activity: Mapped[int | None]
    """How many small items share an activity at most; None: as many as are little work."""
    epoch: Mapped[int] = mapped_column(default=1)
    status: Mapped[str] = mapped_column(default="PENDING")
    paused: Mapped[bool] = mapped_column(default=False)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    drain: Mapped[bool] = mapped_column(default=False)
    """Whether a cancel lets the items in flight end."""
    reason: Mapped[str | None]
    """Why it failed or was cancelled."""
    max_failures: Mapped[int | None]
    max_failure_rate: Mapped[float | None]
    redrive_only: Mapped[str | None]
    """The failure class that this attempt is about; None: all that was unfinished."""
    redriven_by: Mapped[str | None]
    """The workflow run that asked for this attempt, so that it is not begun twice."""
    settled_before: Mapped[int] = mapped_column(BigInt, default=0)
    """Items that had their outcome when this attempt began."""
    queued_at: Mapped[datetime | None] = mapped_column(default=now)
    """Its place in the line for admission: its creation, or its last redrive."""
    namespace: Mapped[str] = mapped_column(default="default")
    identity: Mapped[str | None]
    """Hash of what makes two `run` commands the same; None for API batches."""
    identity_number: Mapped[int] = mapped_column(default=0)
    """Grows with each batch of one identity: the unique key lets one of two racers win."""
    left_out: Mapped[dict[str, Any] | None]
    """What the scan of its listing did not list; frozen with the listing."""
    strict: Mapped[list[Any] | None]
    """Codes of warnings that turn a completed file into a failed one; None: none."""
    out: Mapped[str | None]
    """The folder that its run command writes results to."""
    webhooks: Mapped[list[Any] | None]
    """Who listens to which events, frozen at creation; None: nobody, and no item pays for it."""
    manifest_key: Mapped[str | None]
    manifest_sha256: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


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
"""Jobs in states in which most items may have no job, or one in another state: an index of them.

Statements use it only if they have these very words. An item that runs and completes is never in
it, so that it costs nothing on the usual path."""


class BatchItem(Table):
    """The ledger: one row per item of a batch, written when its page comes up.

    An item's job is a reading of this row, its batch and its result: see `docmill.records.jobs`.
    ``position`` is the directory's sequence number, or the place in `BatchListing`. An item
    without a row is pending.
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
    """The directory file's id."""
    directory_id: Mapped[str]
    sequence: Mapped[int] = mapped_column(BigInt)
    job_id: Mapped[str]
    """Derived from batch and position, so that a retry makes no second job."""
    job_created_at: Mapped[datetime | None]
    """When the item's job was made: at its first claim, or with its outcome. None: not yet."""
    job_deleted_at: Mapped[datetime | None]
    """When a client deleted the job; the item and its outcome stay."""
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
    """Warnings about this file alone, such as its name, and those that made it fail; the result
    has those of its content."""
    attempts: Mapped[int] = mapped_column(default=0)
    """Grows with every claim, and fences an attempt that came back from the dead."""
    claimed_by: Mapped[str | None]
    """The worker process that holds it, with ``/`` and the group that it holds it in, if any.
    Another process that claims an item held without a group has found a lost worker."""
    cleaned_attempts: Mapped[int] = mapped_column(default=0)
    """Attempts up to this one left nothing in the store but what a result names; later ones may
    have, because they died, or could not clean up after themselves."""
    engine_failures: Mapped[int] = mapped_column(default=0)
    worker_losses: Mapped[int] = mapped_column(default=0)
    alone: Mapped[bool] = mapped_column(default=False)
    """Whether it must have an activity of its own: in a group it failed, or took too long."""
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class BatchCount(Table):
    """Live counts of a batch, in shards, changed in the transaction of each outcome.

    The sum over the shards is exact at every moment; sixteen rows keep several workers from
    waiting for one hot row.
    """

    __tablename__ = "batch_counts"

    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    shard: Mapped[int] = mapped_column(primary_key=True)
    completed: Mapped[int] = mapped_column(BigInt, default=0)
    failed: Mapped[int] = mapped_column(BigInt, default=0)
    skipped: Mapped[int] = mapped_column(BigInt, default=0)
    cancelled: Mapped[int] = mapped_column(BigInt, default=0)


class BatchWarningCount(Table):
    """How many files of a batch have a warning of each code, in shards like `BatchCount`.

    Only files with warnings are counted, in the transaction of their outcome. ``name`` is a
    code, or a `docmill.contracts.warnings.WarningKind`: the worst one of the file.
    """

    __tablename__ = "batch_warning_counts"

    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    shard: Mapped[int] = mapped_column(primary_key=True)
    files: Mapped[int] = mapped_column(BigInt)
    first_position: Mapped[int] = mapped_column(BigInt)
    """The first file of the listing that has it: the example that people are shown."""


class JobDetails(Table):
    """What only a job of its own has: notes of whoever asked for it."""

    __tablename__ = "job_details"

    job_id: Mapped[str] = mapped_column(primary_key=True)
    user_metadata: Mapped[dict[str, Any] | None]


class Result(Table):
    """A stored result: what an engine made of these bytes with these parameters.

    The unique key is what deduplication asks for; the objects lie under ``object_prefix``. A
    purged result stays as a row, so that what refers to it can say so; made anew, it is the same
    row again.
    """

    __tablename__ = "results"
    __table_args__ = (UniqueConstraint("project_id", "cache_key"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    cache_key: Mapped[str]
    """sha256 over product, bytes, effective parameters and the engines' versions."""
    job_type: Mapped[str]
    object_prefix: Mapped[str]
    result_sha256: Mapped[str]
    """Of ``result.json``, which names the hashes of the files beside it."""
    size: Mapped[int] = mapped_column(BigInt)
    engine: Mapped[str]
    engine_version: Mapped[str]
    media_type: Mapped[str]
    partial: Mapped[bool] = mapped_column(default=False)
    pages_total: Mapped[int]
    pages_ok: Mapped[int]
    pages_failed: Mapped[int]
    usage: Mapped[dict[str, Any] | None]
    """What a remote engine counted: requests, tokens."""
    warnings: Mapped[list[Any] | None]
    """Its warnings as ``{code, message, page}``, at most
    `docmill.contracts.warnings.MAX_WARNINGS`; None when it has none."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    used_at: Mapped[datetime | None]
    """When it last spared an item the engine; None: not since it was made."""
    purged_at: Mapped[datetime | None]
    """When retention gave it up; its objects go afterwards, and then ``object_prefix`` is empty."""


class ItemStep(Table):
    """What was done of an item so far, so that a retry does not pay for it again."""

    __tablename__ = "item_steps"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    """Job and epoch: the same over all attempts of one run."""
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Sweep(Table):
    """The latest comparison of a namespace's open batches with Temporal."""

    __tablename__ = "sweeps"

    namespace: Mapped[str] = mapped_column(primary_key=True)
    turn: Mapped[int] = mapped_column(BigInt)
    """Raised by whoever sweeps next: of several that raise the same number, one does."""
    cursor: Mapped[str | None]
    """Where the next one goes on, when there were more open batches than one looks at."""
