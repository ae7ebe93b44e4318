"""v2 batches on the wire."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from docmill.api.core.wire import ProjectId, RequestModel, Strict, WireModel
from docmill.api.webhooks.schemas import InlineWebhook
from docmill.contracts.warnings import ResultWarning
from docmill.contracts.words import BatchStatus

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
    strict: Strict | None = None


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
