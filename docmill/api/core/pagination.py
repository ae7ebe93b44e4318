"""Page tokens as clients see them: bound to the filters of the list that they continue."""

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


def encode_token(inner: str | None, filters: Mapping[str, Any]) -> str | None:
    """Return the token for clients; None when there is no further page."""
    return None if inner is None else f"{_digest(inner, filters)}{inner}"


def decode_token(token: str | None, filters: Mapping[str, Any]) -> str | None:
    """Return the repository's token; None for the first page.

    Raises:
        FieldError: the token was not made by a list with these filters.
    """
    if not token:
        return None
    inner = token[_DIGEST:]
    if token[:_DIGEST] != _digest(inner, filters):
        raise FieldError(
            "The page token does not belong to this list with these filters.",
            "query",
            "page_token",
            hint="Pass next_page_token of the page before, and the same filters.",
        )
    return inner


def page(
    found: Slice[Row], view: Callable[[Row], View], filters: Mapping[str, Any]
) -> CursorPage[View]:
    """Return one page on the wire."""
    return CursorPage(
        items=[view(row) for row in found.items], next_page_token=encode_token(found.next, filters)
    )


def _digest(inner: str, filters: Mapping[str, Any]) -> str:
    given = {key: value for key, value in filters.items() if value not in (None, [], False)}
    canonical = json.dumps([inner, given], sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:_DIGEST]
