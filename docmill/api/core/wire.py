"""Base classes and field types of request and response models."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from docmill.contracts.warnings import strict_codes
from docmill.errors import UsageError
from docmill.ids import Prefix

Item = TypeVar("Item")
T = TypeVar("T")

MAX_PAGE = 1_000
"""Maximum rows of one page; larger page sizes are clamped, as LlamaCloud does."""
DEFAULT_PAGE = 50
MAX_IDS = 1_000
"""Maximum ids in one filter."""
MAX_DEPTH = 64
"""Maximum nesting of free-form JSON in a request; deeper JSON is rejected."""
MAX_VALUES = 400_000
"""Maximum values in the JSON of a request: more than the item ids that fit into a body. A body of
16 MiB can hold eight million, which would occupy the server for seconds."""


def storable(text: str) -> str:
    """Return ``text`` if every database can store it.

    Raises:
        ValueError: it contains a NUL character or an unpaired surrogate.
    """
    if "\x00" in text:
        raise ValueError("text must not contain NUL characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("text must be valid Unicode") from None
    return text


def storable_tree(value: Any, depth: int = 0) -> int:
    """Check that every string and number inside ``value`` can be stored; return how many there are.

    Raises:
        ValueError: a string or number cannot be stored, the nesting is too deep, or there are more
            than `MAX_VALUES`.
    """
    number = 1
    if depth > MAX_DEPTH:
        raise ValueError(f"nesting must not be deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        storable(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("numbers must be finite")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            number += storable_tree(key, depth + 1) + storable_tree(inner, depth + 1)
            _check_number(number)
    elif isinstance(value, list):
        for inner in value:
            number += storable_tree(inner, depth + 1)
            _check_number(number)
    return number


def _check_number(number: int) -> None:
    if number > MAX_VALUES:
        raise ValueError(f"there must not be more than {MAX_VALUES:,} values")


def _utc(moment: datetime) -> datetime:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return aware.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is out of range") from None


Text = Annotated[str, AfterValidator(storable)]
"""Text from a client that is safe in a database query."""

UtcTime = Annotated[datetime, AfterValidator(_utc)]
"""A time from a client; without a time zone it is UTC."""

Metadata = dict[str, str | int | float | bool | list[str] | None]
"""User-defined metadata of a file."""

MAX_NAME = 3_000
"""Maximum characters of a name, as at LlamaCloud."""
MAX_METADATA_BYTES = 64 * 1024
"""Maximum size of the metadata of one object as JSON; it is returned with each of its rows."""


def bounded_tree(value: T) -> T:
    """Return ``value`` if its JSON has at most `MAX_METADATA_BYTES`.

    Raises:
        ValueError: it is larger.
    """
    if len(json.dumps(value, ensure_ascii=False).encode()) > MAX_METADATA_BYTES:
        raise ValueError(f"must not be larger than {MAX_METADATA_BYTES:,} bytes of JSON")
    return value


Name = Annotated[Text, Field(min_length=1, max_length=MAX_NAME)]
RequestMetadata = Annotated[Metadata, AfterValidator(bounded_tree)]
SystemMetadata = Annotated[dict[str, Any], AfterValidator(bounded_tree)]
UserMetadata = Annotated[
    dict[Annotated[str, Field(max_length=200)], Annotated[str, Field(max_length=2_000)]],
    Field(max_length=100),
]
"""Tags of a job. LlamaCloud limits their number and lengths, but does not document the limits."""


def wire_project(project_id: str) -> str:
    """Return a project id in the form of responses: the UUID without its prefix."""
    return project_id.removeprefix(f"{Prefix.PROJECT}-")


def stored_project(project_id: str) -> str:
    """Return a project id in the form of the database; requests may use upper or lower case."""
    return f"{Prefix.PROJECT}-{wire_project(project_id).lower()}"


ProjectId = Annotated[str, AfterValidator(wire_project)]
"""A project id in responses: a UUID. Requests may also send it with its prefix."""


class WireModel(BaseModel):
    """Base of response models; built from attributes of database rows."""

    model_config = ConfigDict(from_attributes=True)


class RequestModel(BaseModel):
    """Base of request bodies: all values must be storable; unknown fields are ignored."""

    @model_validator(mode="before")
    @classmethod
    def _check_tree(cls, data: Any) -> Any:
        storable_tree(data)
        return data


class CursorPage(WireModel, Generic[Item]):
    """One page of a list.

    Attributes:
        next_page_token: send it as ``page_token`` to get the next page; null on the last page.
        total_size: number of all objects, where it is known without counting.
    """

    items: list[Item]
    next_page_token: str | None = None
    total_size: int | None = None


class OffsetPage(WireModel, Generic[Item]):
    """One page of a v1 list. The clients need ``total_size`` to request further pages."""

    items: list[Item]
    total_size: int
    next_page_token: str | None = None


class PresignedUrl(WireModel):
    """A signed URL, valid until ``expires_at``."""

    url: str
    expires_at: datetime
    form_fields: dict[str, str] | None = None


class Problem(BaseModel):
    """Response of every error except an invalid field.

    Attributes:
        detail: one sentence.
        hint: what to do next.
    """

    detail: str | dict[str, Any]
    hint: str | None = None


class FieldProblem(BaseModel):
    """One invalid field: its location and the reason."""

    loc: list[str | int]
    msg: str
    type: str


class ValidationProblem(BaseModel):
    """The response 422."""

    detail: list[FieldProblem]
    hint: str | None = None


PageSize = Annotated[int | None, Field(ge=1, le=2**31 - 1)]
"""Rows of one page; values above 1,000 are clamped."""


def page_limit(size: int | None) -> int:
    """Return the maximum rows of a page for the requested ``size``."""
    return min(size or DEFAULT_PAGE, MAX_PAGE)


def _known(words: Sequence[str]) -> Sequence[str]:
    try:
        strict_codes(words)
    except UsageError as error:
        raise ValueError(f"{error.message} {error.hint}") from None
    return words


StrictCodes = Annotated[
    list[Annotated[str, Field(max_length=50)]], Field(max_length=50), AfterValidator(_known)
]
"""Codes or kinds of warnings; ``["none"]`` overrides the operator's default."""


DocumentInput = Literal["file_id", "parse_job_id", "url"]
InputId = Annotated[str, Field(min_length=1, max_length=200)]
"""The id of a file, of a directory file or of a parse job, or a URL."""


class JobDeleted(WireModel):
    """The deleted job."""

    id: str
    project_id: ProjectId
