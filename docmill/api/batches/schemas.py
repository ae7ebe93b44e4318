"""v2 batches on the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from docmill.api.core.wire import ProjectId, RequestModel, StrictCodes, WireModel
from docmill.api.directories.schemas import LeftOutView
from docmill.api.webhooks.schemas import InlineWebhook
from docmill.contracts.names import MAX_CONCURRENCY
from docmill.contracts.warnings import ResultWarning
from docmill.contracts.words import BatchStatus
from docmill.errors import GUIDES, FailureClass
from docmill.records.items import FailureGroup

BatchJobType = Literal["parse_v2", "extract_v2"]
ShownJobType = Literal["parse_v2", "extract_v2", "classify_v2"]
"""Batches of the command line and of Temporal clients may classify; a create here cannot ask."""


class BatchJob(RequestModel):
    """The job of each file: a product and its saved configuration or preset."""

    type: BatchJobType
    configuration_id: str


class BatchConfig(RequestModel):
    """What a batch runs."""

    job: BatchJob


class BatchCreate(RequestModel):
    """A batch over a directory's files.

    The last three are additions of Docmill: more failed files than a threshold end the batch as
    FAILED, and ``strict`` turns files with these warnings into failed ones.
    """

    source_directory_id: str
    config: BatchConfig
    webhook_configuration_ids: Annotated[list[str], Field(max_length=4)] | None = None
    webhook_configurations: Annotated[list[InlineWebhook], Field(max_length=16)] | None = None
    max_failures: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    max_failure_rate: Annotated[float, Field(ge=0, lt=1)] | None = None
    strict: StrictCodes | None = None


class ShownJob(WireModel):
    """The job of each file; ``configuration_id`` is empty where parameters were given directly."""

    type: ShownJobType
    configuration_id: str


class ShownConfig(WireModel):
    """What a batch runs."""

    job: ShownJob


class JobReference(WireModel):
    """A job that a batch made."""

    type: ShownJobType
    id: str


class BatchItemResult(WireModel):
    """Which job belongs to which file.

    ``error_message`` is only for files that got no job; a failed job says why itself.
    ``warnings``, an addition of Docmill, says what a completed result lacks.
    """

    source_directory_file_id: str
    job_reference: JobReference | None = None
    error_message: str | None = None
    warnings: list[ResultWarning] = Field(default_factory=list)


class BatchView(WireModel):
    """A batch; ``results`` only when it was asked for and the batch has ended."""

    id: str
    project_id: ProjectId
    source_directory_id: str
    config: ShownConfig
    status: BatchStatus
    results: list[BatchItemResult] | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


ManifestFormat = Literal["jsonl", "parquet"]


class Counts(WireModel):
    """Files by state; the four outcomes, and the two states before one."""

    pending: int
    processing: int
    completed: int
    failed: int
    skipped: int
    cancelled: int


class LiveBatch(WireModel):
    """A batch of any contract, as it is now.

    ``rate`` counts files that got their outcome per second since this attempt started. ``epoch``
    counts the attempts: each redrive begins one. ``files_with_warnings`` are complete with a loss
    or a doubt, ``warnings`` counts files by code; ``left_out`` is what the listing has not.
    """

    id: str
    project_id: ProjectId
    api: str
    name: str | None
    job_type: str
    status: str
    paused: bool
    cancel_requested: bool
    drain: bool
    reason: str | None
    epoch: int
    redrive_only: str | None
    max_failures: int | None
    max_failure_rate: float | None
    strict: list[str] | None
    directory_id: str | None
    concurrency: int
    total: int
    counts: Counts
    progress_percentage: float
    rate: float
    in_flight: list[str]
    files_with_warnings: int
    warnings: dict[str, int]
    left_out: dict[str, LeftOutView] | None
    manifest_sha256: str | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class FailureGroupView(WireModel):
    """Failed files of one cause."""

    failure_class: str
    count: int
    meaning: str
    advice: str
    example_path: str
    example_message: str

    @classmethod
    def of(cls, group: FailureGroup) -> "FailureGroupView":
        """Return a group with the explanation of its class."""
        guide = GUIDES[FailureClass(group.failure_class)]
        return cls(
            failure_class=group.failure_class,
            count=group.count,
            meaning=guide.meaning,
            advice=guide.advice,
            example_path=group.example_path,
            example_message=group.example_message,
        )


class PastAttemptView(WireModel):
    """How an earlier attempt of a batch ended; ``tally`` counts all its files at that time."""

    epoch: int
    status: str
    reason: str | None
    only: str | None
    configuration_id: str | None
    parameters: dict[str, Any]
    engine: str
    tally: dict[str, int]
    manifest_sha256: str | None
    started_at: datetime | None
    ended_at: datetime | None


class PastOutcomeView(WireModel):
    """What became of one file in an earlier attempt."""

    epoch: int
    status: str
    failure_class: str | None
    failure_message: str | None
    failure_phase: str | None
    skip_reason: str | None
    engine: str | None
    engine_version: str | None
    attempts: int
    started_at: datetime | None
    finished_at: datetime | None


class Redrive(RequestModel):
    """What another attempt of an ended batch runs; nothing named runs all that did not complete.

    ``configuration_id`` names a configuration of the batch's product, and ``parameters`` are laid
    over it; both hold for the files that run. ``strict`` replaces the batch's own.
    """

    only: str | None = None
    configuration_id: str | None = None
    parameters: dict[str, Any] | None = None
    strict: StrictCodes | None = None


class Cancel(RequestModel):
    """How a batch is cancelled: with ``drain`` the files in flight may end."""

    reason: Annotated[str, Field(max_length=2_000)] | None = None
    drain: bool = False


class ConcurrencyChange(RequestModel):
    """Files of one batch in flight at the same time."""

    concurrency: Annotated[int, Field(ge=1, le=MAX_CONCURRENCY)]
