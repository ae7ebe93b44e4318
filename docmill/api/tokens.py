"""Page tokens of lists that are ordered by a position."""

from collections.abc import Mapping
from typing import Any

from docmill.api.paging import inward, outward


def position_token(position: int, filters: Mapping[str, Any]) -> str | None:
    """Return the token of the page behind ``position``."""
    return outward(str(position), filters)


def read_position(token: str | None, filters: Mapping[str, Any]) -> int | None:
    """Return the position behind which the page of ``token`` starts; None for the first page.

    Raises:
        FieldError: the token was not made by a list with these filters.
    """
    inner = inward(token, filters)
    return None if inner is None else int(inner)
