"""Keyset pagination. Every page costs the same, wherever it is in the list."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypedDict, TypeVar

from sqlalchemy import ColumnElement, Select, and_, collate, or_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from docmill.errors import UsageError
from docmill.records.statements import dialect_of

DEFAULT_LIMIT = 50
MAX_LIMIT = 1_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """One page of a list.

    Attributes:
        items: items of the page, at most the limit.
        next: token of the next page; None only on the last page.
    """

    items: list[T]
    next: str | None


class CreatedRange(TypedDict, total=False):
    """Filters by creation time, with inclusive ends."""

    created_from: datetime | None
    created_to: datetime | None


def created_between(
    query: Select[T], created: InstrumentedAttribute[datetime], filters: CreatedRange
) -> Select[T]:
    """Add the given ends of a range to ``query``."""
    first, last = filters.get("created_from"), filters.get("created_to")
    if first is not None:
        query = query.where(created >= first)
    if last is not None:
        query = query.where(created <= last)
    return query


def token_of(created_at: datetime, identifier: str) -> str:
    """Return an opaque token for the place after this row."""
    text = json.dumps([created_at.isoformat(), identifier])
    return base64.urlsafe_b64encode(text.encode()).decode()


def place_of(token: str) -> tuple[datetime, str]:
    """Parse a token of `token_of`.

    Raises:
        UsageError: the token is invalid.
    """
    try:
        created_at, identifier = json.loads(base64.b64decode(token, altchars=b"-_", validate=True))
        place = datetime.fromisoformat(created_at).astimezone(UTC), str(identifier)
    except (ValueError, TypeError, OverflowError):  # not base64 or not JSON
        raise UsageError(
            "The page token is not valid.", "Pass next_page_token of the page before, unchanged."
        ) from None
    return place


async def page_of(
    session: AsyncSession,
    query: Select[T],
    key: tuple[InstrumentedAttribute[datetime], InstrumentedAttribute[str]],
    *,
    limit: int,
    token: str | None,
    newest_first: bool = True,
) -> Slice[T]:
    """Run ``query`` for one page, ordered by ``key`` (creation time and id).

    Args:
        session: session for the query.
        query: selects one kind of row, with filters and without order.
        key: the two columns of the order; attributes of the rows have the same names.
        limit: maximum number of items, restricted to 1..`MAX_LIMIT`.
        token: `Slice.next` of the previous page, or None for the first page.
        newest_first: direction of the order.

    Raises:
        UsageError: the token is invalid.
    """
    limit = max(1, min(limit, MAX_LIMIT))
    created, identifier = key
    if token:
        query = query.where(_behind(created, identifier, *place_of(token), newest_first))
    order = [c.desc() if newest_first else c.asc() for c in key]
    rows: list[T] = list(await session.scalars(query.order_by(*order).limit(limit + 1)))
    if len(rows) <= limit:
        return Slice(rows, None)
    last: Any = rows[limit - 1]
    token = token_of(getattr(last, created.key), getattr(last, identifier.key))
    return Slice(rows[:limit], token)


async def page_by_text(
    session: AsyncSession,
    query: Select[T],
    key: tuple[InstrumentedAttribute[str], InstrumentedAttribute[str]],
    *,
    limit: int,
    token: str | None,
) -> Slice[T]:
    """Run ``query`` for one page, ascending by a text column, then by id.

    Raises:
        UsageError: the token is invalid.
    """
    limit = max(1, min(limit, MAX_LIMIT))
    text, identifier = key
    # Order by code points on every database; PostgreSQL's default order depends on the locale.
    ordered = text if dialect_of(session) == "sqlite" else collate(text, "C")
    if token:
        at, last = _text_place_of(token)
        query = query.where(or_(ordered > at, and_(text == at, identifier > last)))
    by_text = query.order_by(ordered, identifier).limit(limit + 1)
    rows: list[T] = list(await session.scalars(by_text))
    if len(rows) <= limit:
        return Slice(rows, None)
    place: Any = rows[limit - 1]
    names = [getattr(place, text.key), getattr(place, identifier.key)]
    return Slice(rows[:limit], base64.urlsafe_b64encode(json.dumps(names).encode()).decode())


def _text_place_of(token: str) -> tuple[str, str]:
    try:
        at, last = json.loads(base64.b64decode(token, altchars=b"-_", validate=True))
    except (ValueError, TypeError):
        raise UsageError(
            "The page token is not valid.", "Pass next_page_token of the page before, unchanged."
        ) from None
    return str(at), str(last)


def _behind(
    created: InstrumentedAttribute[datetime],
    identifier: InstrumentedAttribute[str],
    at: datetime,
    last: str,
    newest_first: bool,
) -> ColumnElement[bool]:
    if newest_first:
        return and_(created <= at, or_(created < at, identifier < last))
    return and_(created >= at, or_(created > at, identifier > last))
