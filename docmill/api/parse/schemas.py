"""Request and response models of parse jobs."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from docmill.api.core.wire import ProjectId, RequestModel, UserMetadata, WireModel
from docmill.api.webhooks.schemas import InlineWebhook
from docmill.contracts.warnings import ResultWarning
from docmill.contracts.words import JobStatus

Expand = Literal[
    "markdown",
    "text",
    "markdown_full",
    "text_full",
    "items",
    "metadata",
    "forms",
    "job_metadata",
    "usage",
    "text_content_metadata",
    "markdown_content_metadata",
    "items_content_metadata",
    "metadata_content_metadata",
    "forms_content_metadata",
    "raw_words_content_metadata",
    "xlsx_content_metadata",
    "output_pdf_content_metadata",
    "stripped_markdown_content_metadata",
    "concatenated_stripped_markdown_content_metadata",
    "images_content_metadata",
]


class Usage(WireModel):
    """Cost of a job; local engines bill nothing."""

    credits: float | None = None


class ParseJobView(WireModel):
    """A parse job."""

    id: str
    project_id: ProjectId
    status: JobStatus
    error_message: str | None = None
    name: str | None = None
    tier: str | None = None
    usage: Usage | None = None
    user_metadata: dict[str, str] | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    warnings: list[ResultWarning] = Field(default_factory=list)
    """Docmill's addition: missing or doubtful content of a completed result."""


class FailedPage(WireModel):
    """A page that failed in a document that completed."""

    page_number: int
    success: Literal[False] = False
    error: str


class MarkdownPage(WireModel):
    """One page as Markdown."""

    page_number: int
    success: Literal[True] = True
    markdown: str
    header: str | None = None
    footer: str | None = None


class MarkdownPages(WireModel):
    """All pages as Markdown."""

    pages: list[MarkdownPage | FailedPage]


class TextPage(WireModel):
    """One page as plain text."""

    page_number: int
    text: str


class TextPages(WireModel):
    """All pages as plain text."""

    pages: list[TextPage]


class ItemsPage(WireModel):
    """The layout elements of one page; sizes are in points, 0 for formats without page sizes."""

    page_number: int
    success: Literal[True] = True
    page_width: float
    page_height: float
    items: list[dict[str, Any]]


class ItemsPages(WireModel):
    """The layout elements of all pages."""

    pages: list[ItemsPage | FailedPage]


class MetadataPage(WireModel):
    """Metadata of one page."""

    page_number: int
    confidence: float | None = None
    speaker_notes: str | None = None
    slide_section_name: str | None = None
    printed_page_number: str | None = None


class DocumentMetadata(WireModel):
    """Metadata of the document."""

    confidence: float | None = None


class Metadata(WireModel):
    """Metadata of the pages and the document."""

    pages: list[MetadataPage]
    document: DocumentMetadata | None = None


class ContentMetadata(WireModel):
    """A downloadable format of the result."""

    size_bytes: int
    exists: bool = True
    presigned_url: str | None = None


class ImageBox(WireModel):
    """Bounding box of an image on its page, in whole points from the top left corner."""

    x: int
    y: int
    w: int
    h: int


class ImageMetadata(WireModel):
    """One saved image; an image that is shown several times has several entries with one file."""

    index: int
    filename: str
    category: Literal["screenshot", "embedded", "layout"] | None = None
    content_type: str | None = None
    presigned_url: str | None = None
    bbox: ImageBox | None = None
    size_bytes: int | None = None
    page_number: int | None = None
    width: int | None = None
    height: int | None = None


class Images(WireModel):
    """Saved images; the count includes images that ``image_filenames`` excludes."""

    total_count: int
    images: list[ImageMetadata]


class ParseAnswer(WireModel):
    """A job with the requested parts of its result."""

    job: ParseJobView
    markdown: MarkdownPages | None = None
    text: TextPages | None = None
    markdown_full: str | None = None
    text_full: str | None = None
    items: ItemsPages | None = None
    metadata: Metadata | None = None
    forms: dict[str, Any] | None = None
    job_metadata: dict[str, Any] | None = None
    result_content_metadata: dict[str, ContentMetadata] | None = None
    images_content_metadata: Images | None = None
    raw_parameters: dict[str, Any] | None = None


class ParseVersions(WireModel):
    """Versions of each tier that a request may name."""

    fast: list[str]
    cost_effective: list[str]
    agentic: list[str]
    agentic_plus: list[str]
    latest: dict[str, str]


Options = dict[str, Any] | None

CONFIGURED = "configured"
"""Placeholder for tier and version, which the clients require even with a configuration."""


class ParseOptions(RequestModel):
    """Options of a parse in the vocabulary of ``parse_v2``; unknown options are rejected."""

    model_config = ConfigDict(extra="forbid")

    tier: str | None = None
    version: str | None = None
    configuration_id: str | None = None
    page_ranges: Options = None
    crop_box: Options = None
    output_options: Options = None
    input_options: Options = None
    processing_options: Options = None
    processing_control: Options = None
    agentic_options: Options = None
    fast_options: Options = None
    disable_cache: bool | None = None
    client_name: str | None = None
    http_proxy: str | None = None
    user_metadata: UserMetadata | None = None
    webhook_configuration_ids: Annotated[list[str], Field(max_length=4)] | None = None
    webhook_configurations: Annotated[list[InlineWebhook], Field(max_length=16)] | None = None

    @model_validator(mode="after")
    def _tier_or_configuration(self) -> Self:
        if self.configuration_id is None and (not self.tier or not self.version):
            raise ValueError("give tier and version, or configuration_id")
        return self

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the engine, without the fields of the job."""
        job_fields = {
            "configuration_id",
            "http_proxy",
            "user_metadata",
            "webhook_configuration_ids",
            "webhook_configurations",
            "file_id",
            "source_url",
        }
        given = self.model_dump(exclude=job_fields, exclude_none=True)
        return {key: value for key, value in given.items() if value != CONFIGURED}


class ParseCreate(ParseOptions):
    """A new parse job over an uploaded file, or over a URL that a worker fetches."""

    file_id: str | None = None
    source_url: Annotated[str, Field(pattern="^https?:", max_length=4_000)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.file_id is None) == (self.source_url is None):
            raise ValueError("give either file_id or source_url")
        return self
