"""Request and response models of batches."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from docmill.api.core.wire import ProjectId, RequestModel, StrictCodes, WireModel
from docmill.api.directories.schemas import LeftOutView
from docmill.api.jobs.outputs import BucketOutput, FolderOutput
from docmill.api.webhooks.schemas import InlineWebhook
from docmill.contracts.names import MAX_CONCURRENCY
from docmill.contracts.warnings import ResultWarning
from docmill.contracts.words import BatchStatus
from docmill.errors import GUIDES, FailureClass
from docmill.records.items import FailureGroup

BatchJobType = Literal["parse_v2", "extract_v2"]
ShownJobType = Literal["parse_v2", "extract_v2", "classify_v2"]
"""Batches of the command line and of Temporal clients may classify; a v2 create may not."""


class BatchJob(RequestModel):
    """The job of each file: a product and a saved configuration or preset."""

    type: BatchJobType
    configuration_id: str


class BatchConfig(RequestModel):
    """The job that a batch runs."""

    job: BatchJob


class BatchCreate(RequestModel):
    """A new batch over the files of a directory.

    The last four fields are additions of Docmill: the batch ends as FAILED when more files fail
    than a threshold allows, ``strict`` makes files with these warnings fail, and results are
    written to ``output`` as they finish.
    """

    source_directory_id: str
    config: BatchConfig
    webhook_configuration_ids: Annotated[list[str], Field(max_length=4)] | None = None
    webhook_configurations: Annotated[list[InlineWebhook], Field(max_length=16)] | None = None
    max_failures: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    max_failure_rate: Annotated[float, Field(ge=0, lt=1)] | None = None
    strict: StrictCodes | None = None
    output: FolderOutput | BucketOutput | None = None


class ShownJob(WireModel):
    """The job of each file; ``configuration_id`` is empty if the parameters were given directly."""

    type: ShownJobType
    configuration_id: str


class ShownConfig(WireModel):
    """The job that a batch runs."""

    job: ShownJob


class JobReference(WireModel):
    """A job of a batch."""

    type: ShownJobType
    id: str


class BatchItemResult(WireModel):
    """The job of one file.

    ``error_message`` is set only for files without a job; a failed job has its own message.
    ``warnings``, an addition of Docmill, describes what a completed result lacks.
    """

    source_directory_file_id: str
    job_reference: JobReference | None = None
    error_message: str | None = None
    warnings: list[ResultWarning] = Field(default_factory=list)


class BatchView(WireModel):
    """A batch; ``results`` is set if it was requested and the batch has ended."""

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
    """Number of files in each state: the two states before an outcome, and the four outcomes."""

    pending: int
    processing: int
    completed: int
    failed: int
    skipped: int
    cancelled: int


class OutputView(WireModel):
    """Where results are written, and since when all of them and the manifest are there.

    ``error`` says why the export does not progress, or has failed.
    """

    location: str
    exported_at: datetime | None
    error: str | None


class LiveBatch(WireModel):
    """The current state of a batch of any API.

    ``rate`` is the number of outcomes per second since the batch, or its latest redrive, started.
    ``epoch`` is 1, and one more after each redrive. ``files_with_warnings`` counts completed files
    with a loss or a doubt, ``warnings`` counts files by code, and ``left_out`` counts the files
    that the listing excludes. ``output`` is null for batches without a destination, and for those
    of commands, which write their results themselves.
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
    output: OutputView | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class FailureGroupView(WireModel):
    """Failed files with the same cause."""

    failure_class: str
    count: int
    meaning: str
    advice: str
    example_path: str
    example_message: str

    @classmethod
    def of(cls, group: FailureGroup) -> "FailureGroupView":
        """Return a group with the guide of its failure class."""
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
    """The end of a batch before a redrive; ``tally`` counts all its files at that time."""

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
    """The outcome of one file before a redrive."""

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
    """A redrive of an ended batch; without fields it runs all files that did not complete.

    ``configuration_id`` names a configuration of the batch's product, and ``parameters`` override
    it; both apply to the files that run. ``strict`` replaces the batch's own.
    """

    only: str | None = None
    configuration_id: str | None = None
    parameters: dict[str, Any] | None = None
    strict: StrictCodes | None = None


class Cancel(RequestModel):
    """A cancel request; with ``drain`` the files in flight may finish."""

    reason: Annotated[str, Field(max_length=2_000)] | None = None
    drain: bool = False


class ConcurrencyChange(RequestModel):
    """The number of files of a batch that may be in flight at the same time."""

    concurrency: Annotated[int, Field(ge=1, le=MAX_CONCURRENCY)]
