"""Pagination: page tokens for clients, each bound to its project and the filters of its list."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from docmill.api.core.errors import FieldError
from docmill.api.core.wire import CursorPage
from docmill.records.keyset import Slice

Row = TypeVar("Row")
View = TypeVar("View")

_DIGEST = 16
"""Characters of the hash in a token."""


def encode_token(cursor: str | None, project_id: str, filters: Mapping[str, Any]) -> str | None:
    """Return the page token for clients; None on the last page."""
    return None if cursor is None else f"{_digest(cursor, project_id, filters)}{cursor}"


def decode_token(token: str | None, project_id: str, filters: Mapping[str, Any]) -> str | None:
    """Return the database cursor in a page token; None for the first page.

    Raises:
        FieldError: the token belongs to another project, or to a list with other filters.
    """
    if not token:
        return None
    cursor = token[_DIGEST:]
    if token[:_DIGEST] != _digest(cursor, project_id, filters):
        raise FieldError(
            "The page token does not belong to this list with these filters.",
            "query",
            "page_token",
            hint="Pass next_page_token of the previous page, and the same filters.",
        )
    return cursor


def page(
    found: Slice[Row], view: Callable[[Row], View], project_id: str, filters: Mapping[str, Any]
) -> CursorPage[View]:
    """Return one page of a list as the response model."""
    return CursorPage(
        items=[view(row) for row in found.items],
        next_page_token=encode_token(found.next, project_id, filters),
    )


def _digest(cursor: str, project_id: str, filters: Mapping[str, Any]) -> str:
    given = {key: value for key, value in filters.items() if value not in (None, [], False)}
    canonical = json.dumps([cursor, project_id, given], sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:_DIGEST]
