"""What all wire models share: storable text, UTC times, pages."""

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
"""Rows of one answer at most; larger page sizes are clamped (api-contract 1.3)."""
DEFAULT_PAGE = 50
MAX_IDS = 1_000
"""Ids that one request may name in a filter."""
MAX_DEPTH = 64
"""Nesting of a request's free-form parts; deeper ones are refused before anything walks them."""


def storable(text: str) -> str:
    """Return ``text`` when every database can store it.

    Raises:
        ValueError: it holds a NUL character or half of a surrogate pair.
    """
    if "\x00" in text:
        raise ValueError("text must not contain NUL characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("text must be valid Unicode") from None
    return text


def storable_tree(value: Any, depth: int = 0) -> None:
    """Check every text and number inside ``value``.

    Raises:
        ValueError: a text or number cannot be stored, or the nesting is too deep.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"nesting must not be deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        storable(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("numbers must be finite")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            storable_tree(key, depth + 1)
            storable_tree(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            storable_tree(inner, depth + 1)


def _utc(moment: datetime) -> datetime:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return aware.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is out of range") from None


Text = Annotated[str, AfterValidator(storable)]
"""Text from a client that a database may be asked for."""

UtcTime = Annotated[datetime, AfterValidator(_utc)]
"""A time from a client; without a zone it is taken as UTC."""

Metadata = dict[str, str | int | float | bool | list[str] | None]
"""A user's notes on a file."""

MAX_NAME = 3_000
"""Characters of a name (api-contract 4.3)."""
MAX_METADATA_BYTES = 64 * 1024
"""Of a user's notes on one object, as JSON: they are stored and returned with each of its rows."""


def bounded_tree(value: T) -> T:
    """Return ``value`` when its JSON has at most `MAX_METADATA_BYTES`.

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
"""Tags of a job; upstream limits their number and their lengths, and does not say how."""


def wire_project(project_id: str) -> str:
    """Return a project's id as answers give it: the UUID without its prefix."""
    return project_id.removeprefix(f"{Prefix.PROJECT}-")


def stored_project(project_id: str) -> str:
    """Return a project's id as rows have it; requests write a UUID, in either case of letters."""
    return f"{Prefix.PROJECT}-{wire_project(project_id).lower()}"


ProjectId = Annotated[str, AfterValidator(wire_project)]
"""A project's id in answers: a UUID, as upstream's; requests may also name it with its prefix."""


class WireModel(BaseModel):
    """Base of answers: built from rows by attribute."""

    model_config = ConfigDict(from_attributes=True)


class RequestModel(BaseModel):
    """Base of request bodies: everything inside can be stored; unknown fields are ignored."""

    @model_validator(mode="before")
    @classmethod
    def _check_tree(cls, data: Any) -> Any:
        storable_tree(data)
        return data


class CursorPage(WireModel, Generic[Item]):
    """One page of a list.

    Attributes:
        next_page_token: send it as ``page_token`` for the next page; null on the last one.
        total_size: how many there are in all, where that is known without counting.
    """

    items: list[Item]
    next_page_token: str | None = None
    total_size: int | None = None


class OffsetPage(WireModel, Generic[Item]):
    """One page of a v1 list; ``total_size`` is always there, because the clients stop without."""

    items: list[Item]
    total_size: int
    next_page_token: str | None = None


class PresignedUrl(WireModel):
    """A URL that needs no header; it stops working at ``expires_at``."""

    url: str
    expires_at: datetime
    form_fields: dict[str, str] | None = None


class Problem(BaseModel):
    """Every error but a wrong field.

    Attributes:
        detail: one sentence.
        hint: what to do about it.
    """

    detail: str | dict[str, Any]
    hint: str | None = None


class FieldProblem(BaseModel):
    """One wrong field: where it is, and what is wrong with it."""

    loc: list[str | int]
    msg: str
    type: str


class ValidationProblem(BaseModel):
    """The answer 422."""

    detail: list[FieldProblem]
    hint: str | None = None


PageSize = Annotated[int | None, Field(ge=1, le=2**31 - 1)]
"""Rows of one page; above 1,000 it is clamped."""


def page_limit(size: int | None) -> int:
    """Return the rows that a page of ``size`` may have."""
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
"""Codes or kinds of warnings; ``["none"]`` sets the operator's default aside."""


DocumentInput = Literal["file_id", "parse_job_id", "url"]
InputId = Annotated[str, Field(min_length=1, max_length=200)]
"""A file's id, a directory file's, a parse job's, or a URL."""


class JobDeleted(WireModel):
    """What was removed."""

    id: str
    project_id: ProjectId
