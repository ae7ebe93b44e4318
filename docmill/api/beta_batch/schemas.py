"""Request and response models of v1 batch processing."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from docmill.api.core.wire import ProjectId, RequestModel, StrictCodes, WireModel
from docmill.api.jobs.outputs import BucketOutput, FolderOutput
from docmill.api.webhooks.schemas import InlineWebhook, WebhookUrl
from docmill.contracts.names import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from docmill.contracts.warnings import ResultWarning
from docmill.contracts.words import ItemStatus, V1Status

V1JobType = Literal["parse", "extract", "classify"]


class ClassifyRule(BaseModel):
    """A document type and its description by the user."""

    type: Annotated[str, Field(min_length=1, max_length=50)]
    description: Annotated[str, Field(min_length=10, max_length=2_000)]


class ClassifyParsing(BaseModel):
    """How much of each document is read before it is classified; pages count from 0."""

    lang: str = "en"
    max_pages: int | None = Field(default=5, ge=1)
    target_pages: list[Annotated[int, Field(ge=0)]] | None = None


class V1ParseOptions(BaseModel):
    """v1's generic parse options, about 125; only those that the API itself reads are validated."""

    model_config = ConfigDict(extra="allow")

    target_pages: str | None = None
    """0-based: ``0,2-5``."""
    webhook_url: WebhookUrl | Literal[""] | None = None
    webhook_configurations: Annotated[list[InlineWebhook], Field(max_length=16)] | None = None


class V1JobConfig(RequestModel):
    """A job of v1: with ``rules`` a classification, otherwise a parse.

    LlamaCloud's classify form repeats fields of a stored job (``id``, ``status`` …); they are
    ignored.
    """

    model_config = ConfigDict(extra="allow")

    job_name: Literal["parse_raw_file_job"] | None = None
    webhook_url: WebhookUrl | Literal[""] | None = None
    parameters: V1ParseOptions | None = None
    rules: Annotated[list[ClassifyRule], Field(min_length=1)] | None = None
    mode: Literal["FAST", "MULTIMODAL"] = "FAST"
    parsing_configuration: ClassifyParsing | None = None


class V1BatchCreate(RequestModel):
    """A new v1 batch over a directory or over a list of directory files.

    The last four fields are additions of Docmill: the batch ends as FAILED when more files fail
    than a threshold allows, ``strict`` makes files with these warnings fail, and results are
    written to ``output`` as they finish.
    """

    job_config: V1JobConfig
    directory_id: str | None = None
    item_ids: Annotated[list[str], Field(min_length=1)] | None = None
    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)] = DEFAULT_PAGE_SIZE
    continue_as_new_threshold: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    max_failures: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    max_failure_rate: Annotated[float, Field(ge=0, lt=1)] | None = None
    strict: StrictCodes | None = None
    output: FolderOutput | BucketOutput | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.directory_id is None) == (self.item_ids is None):
            raise ValueError("give either directory_id or item_ids")
        return self


class V1BatchView(WireModel):
    """A v1 batch; ``workflow_id`` names its Temporal workflow."""

    id: str
    project_id: ProjectId
    job_type: V1JobType
    status: V1Status
    total_items: int
    processed_items: int = 0
    failed_items: int = 0
    skipped_items: int = 0
    directory_id: str | None = None
    workflow_id: str | None = None
    job_record_id: str | None = None
    error_message: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    effective_at: datetime | None = None


class V1BatchStatus(WireModel):
    """A v1 batch and its progress."""

    job: V1BatchView
    progress_percentage: float


class V1Cancel(RequestModel):
    """The reason of a cancellation."""

    reason: Annotated[str, Field(max_length=2_000)] | None = None


class V1Cancelled(WireModel):
    """The state of a batch right after the cancel request."""

    job_id: str
    status: V1Status
    processed_items: int
    message: str


class V1ItemView(WireModel):
    """One file of a v1 batch; read its ``job_id`` through ``/api/v2/parse``.

    ``warnings``, an addition of Docmill, describes what a completed result lacks.
    """

    item_id: str
    item_name: str
    status: ItemStatus
    job_id: str | None = None
    skip_reason: str | None = None
    error_message: str | None = None
    job_record_id: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    effective_at: datetime | None = None
    warnings: list[ResultWarning] = Field(default_factory=list)


class V1ProcessingResult(WireModel):
    """One processing of a file."""

    result_id: str
    item_id: str
    job_type: V1JobType
    job_config: dict[str, Any]
    parameters_hash: str
    output_s3_path: str
    processed_at: datetime
    output_metadata: dict[str, Any] | None = None


class V1ProcessingResults(WireModel):
    """All results of one file, newest first."""

    item_id: str
    item_name: str
    processing_results: list[V1ProcessingResult]
