"""Request and response models of extract jobs."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from docmill.api.configurations.schemas import ConfigurationName
from docmill.api.core.wire import InputId, ProjectId, RequestModel, WireModel
from docmill.api.webhooks.schemas import InlineWebhook
from docmill.contracts.warnings import ResultWarning
from docmill.contracts.words import JobStatus
from docmill.parameters.extract import MAX_PROMPT, DataSchema, ExtractParameters

ExtractExpand = Literal["configuration", "extract_metadata", "usage"]
Fields = dict[str, Any]
"""Values in the shape of the job's schema."""


class ExtractCreate(RequestModel):
    """A new extract job over a file, over the file of a completed parse job, or over a URL."""

    file_input: InputId
    configuration: ExtractParameters | None = None
    configuration_id: str | None = None
    webhook_configuration_ids: Annotated[list[str], Field(max_length=4)] | None = None
    webhook_configurations: Annotated[list[InlineWebhook], Field(max_length=16)] | None = None

    @model_validator(mode="after")
    def _one_configuration(self) -> Self:
        if (self.configuration is None) == (self.configuration_id is None):
            raise ValueError("give either configuration or configuration_id")
        return self


class FieldMetadata(WireModel):
    """Metadata of each value, in the shape of the result; one of the three is set."""

    document_metadata: Fields | None = None
    page_metadata: list[Fields] | None = None
    row_metadata: list[Fields] | None = None


class ExtractMetadata(WireModel):
    """Sources of the extracted values."""

    field_metadata: FieldMetadata | None = None
    parse_job_id: str | None = None
    parse_tier: str | None = None


class PagesUsage(WireModel):
    """Pages of a job; only LlamaCloud bills pages."""

    num_pages_extracted: int
    num_pages_billed: int = 0


class ExtractJobMetadata(WireModel):
    """Metadata of a job with a result; all fields except ``usage`` are additions of Docmill.

    Attributes:
        pages: the page of each entry, for a result with one entry for each page.
        partial: whether some pages failed.
    """

    usage: PagesUsage
    engine: str
    engine_version: str
    pages: list[int] | None = None
    partial: bool = False
    warnings: list[ResultWarning]


class ExtractUsage(WireModel):
    """Credits that LlamaCloud billed; the counts of other models are additions of Docmill."""

    credits: float = 0.0
    extract_credits: float = 0.0
    parse_credits: float = 0.0
    requests: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class ExtractJobView(WireModel):
    """An extract job; ``extract_result`` is set once the job has completed."""

    id: str
    file_input: str
    project_id: ProjectId
    status: JobStatus
    created_at: datetime
    updated_at: datetime
    configuration_id: str | None = None
    configuration: ExtractParameters | None = None
    error_message: str | None = None
    extract_result: Fields | list[Fields] | None = None
    extract_metadata: ExtractMetadata | None = None
    metadata: ExtractJobMetadata | None = None
    usage: ExtractUsage | None = None
    warnings: list[ResultWarning] = Field(default_factory=list)
    """Docmill's addition."""


class SchemaValidation(RequestModel):
    """A schema to validate."""

    data_schema: DataSchema


class ValidSchema(WireModel):
    """A valid schema, in the form that jobs use."""

    data_schema: Fields


class SchemaGeneration(RequestModel):
    """Input of schema generation: a prompt, an example file or a schema; at least one."""

    name: ConfigurationName | None = None
    prompt: Annotated[str, Field(min_length=1, max_length=MAX_PROMPT)] | None = None
    file_id: InputId | None = None
    data_schema: DataSchema | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.prompt is None and self.file_id is None and self.data_schema is None:
            raise ValueError("give a prompt, a file_id or a data_schema")
        return self


class GeneratedParameters(WireModel):
    """Parameters of ``extract_v2`` with the schema."""

    product_type: Literal["extract_v2"] = "extract_v2"
    data_schema: Fields


class GeneratedConfiguration(WireModel):
    """A generated schema as the body of a request that creates a configuration."""

    name: str
    parameters: GeneratedParameters
