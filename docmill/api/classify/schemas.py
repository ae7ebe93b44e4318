"""Request and response models of classify jobs."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from docmill.api.core.wire import DocumentInput, InputId, ProjectId, RequestModel, WireModel
from docmill.api.webhooks.schemas import InlineWebhook
from docmill.contracts.warnings import ResultWarning
from docmill.contracts.words import JobStatus
from docmill.parameters.classify import ClassifyParameters


class ClassifyCreate(RequestModel):
    """A new classify job over a file, over the file of a parse job, or over a URL."""

    file_input: InputId | None = None
    file_id: InputId | None = None
    parse_job_id: InputId | None = None
    configuration: ClassifyParameters | None = None
    configuration_id: str | None = None
    transaction_id: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    webhook_configuration_ids: Annotated[list[str], Field(max_length=4)] | None = None
    webhook_configurations: Annotated[list[InlineWebhook], Field(max_length=16)] | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if sum(one is not None for one in (self.file_input, self.file_id, self.parse_job_id)) != 1:
            raise ValueError("give exactly one of file_input, file_id and parse_job_id")
        if (self.configuration is None) == (self.configuration_id is None):
            raise ValueError("give either configuration or configuration_id")
        return self

    @property
    def document(self) -> str:
        """The document to classify."""
        return self.file_input or self.file_id or self.parse_job_id or ""


class ClassifyAnswer(WireModel):
    """The matching rule; ``type`` is null if none matches."""

    type: str | None = None
    confidence: Annotated[float, Field(ge=0, le=1)]
    reasoning: str


class ClassifyUsage(WireModel):
    """Cost of a job; local engines bill nothing."""

    credits: float | None = None
    parse_credits: float | None = None


class ClassifyJobView(WireModel):
    """A classify job; ``configuration`` has its effective parameters, with defaults."""

    id: str
    configuration: ClassifyParameters
    document_input_type: DocumentInput
    file_input: str
    project_id: ProjectId
    user_id: str
    status: JobStatus
    configuration_id: str | None = None
    error_message: str | None = None
    parse_job_id: str | None = None
    result: ClassifyAnswer | None = None
    transaction_id: str | None = None
    usage: ClassifyUsage | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    warnings: list[ResultWarning] = Field(default_factory=list)
    """Docmill's addition."""
