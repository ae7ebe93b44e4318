"""Models of LlamaCloud's responses, with only the fields that are read."""

from typing import Any, Generic, TypeVar

import httpx
from pydantic import BaseModel, Field, ValidationError, model_validator

from docmill.engines.base import Box
from docmill.errors import FailureClass, ItemFailure

Entry = TypeVar("Entry")
Shape = TypeVar("Shape", bound=BaseModel)


class Usage(BaseModel):
    """Cost of a job; null until it is billed."""

    credits: float | None = None


class File(BaseModel):
    """An uploaded file."""

    id: str


class Job(BaseModel):
    """A job of any product."""

    id: str
    status: str = ""
    error_message: str | None = None
    file_input: str | None = None
    usage: Usage | None = None
    user_metadata: dict[str, Any] | None = None


class State(Job):
    """A polled job, which the response of a parse nests in ``job``."""

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, data: Any) -> Any:
        return data["job"] if isinstance(data, dict) and "job" in data else data


class Listed(BaseModel, Generic[Entry]):
    """One page of a list."""

    items: list[Entry]
    next_page_token: str | None = None


class Page(BaseModel):
    """One page in any format of a parse result."""

    page_number: int
    success: bool = True
    error: str | None = None
    markdown: str = ""
    header: str | None = None
    footer: str | None = None
    text: str = ""
    items: list[dict[str, Any]] = Field(default_factory=list)
    page_width: float | None = None
    page_height: float | None = None
    confidence: float | None = None
    printed_page_number: str | None = None
    speaker_notes: str | None = None
    slide_section_name: str | None = None


class Pages(BaseModel):
    """All pages in one format."""

    pages: list[Page]


class Image(BaseModel):
    """One saved image; the last three fields are additions of Docmill."""

    filename: str
    category: str | None = None
    content_type: str | None = None
    presigned_url: str | None = None
    bbox: Box | None = None
    page_number: int | None = None
    width: int | None = None
    height: int | None = None


class Images(BaseModel):
    """All saved images."""

    images: list[Image]


class Content(BaseModel):
    """A downloadable format of a result."""

    exists: bool | None = True
    presigned_url: str | None = None


class Parse(BaseModel):
    """A parse job with the requested parts."""

    job: Job
    markdown: Pages | None = None
    text: Pages | None = None
    items: Pages | None = None
    metadata: Pages | None = None
    job_metadata: dict[str, Any] | None = None
    result_content_metadata: dict[str, Content] | None = None
    images_content_metadata: Images | None = None


class Classified(BaseModel):
    """The result of a classification."""

    type: str | None = None
    confidence: float = Field(ge=0, le=1)
    reasoning: str


class Classify(Job):
    """A classify job."""

    result: Classified | None = None


class PagesUsed(BaseModel):
    """Pages that an extraction read and billed."""

    num_pages_extracted: int | None = None
    num_pages_billed: int | None = None


class ExtractNotes(BaseModel):
    """Metadata of an extract job; all fields except ``usage`` are additions of Docmill."""

    usage: PagesUsed | None = None
    pages: list[int] | None = None
    partial: bool = False
    warnings: list[Any] = Field(default_factory=list)


class ExtractMetadata(BaseModel):
    """Sources and confidence of the values."""

    field_metadata: dict[str, Any] | None = None


class Extract(Job):
    """An extract job."""

    extract_result: dict[str, Any] | list[dict[str, Any]] | None = None
    extract_metadata: ExtractMetadata | None = None
    metadata: ExtractNotes | None = None


def read(shape: type[Shape], response: httpx.Response) -> Shape:
    """Parse a response with its model.

    Raises:
        ItemFailure: ANSWER_INVALID: it does not match the model, or is not JSON.
    """
    try:
        return shape.model_validate_json(response.content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise ItemFailure(
            FailureClass.ANSWER_INVALID,
            f"{response.url.host} returned an unexpected response: {where}: {first['msg']}.",
        ) from None
