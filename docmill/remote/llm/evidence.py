"""Quotes that a model gives for its values, checked against the pages."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from docmill.engines.extract.base import entry, leaves, mirror
from docmill.engines.extract.citations import Quotes
from docmill.engines.extract.strict import closed

UNSUPPORTED = 0.3
"""The most confidence in a value whose quote the document does not have."""
UNSAID = 0.5
"""Confidence when the model names none."""
_SEPARATORS = re.compile(r"[$./\[\]]+")

FORM = {
    "type": "array",
    "items": closed(
        {
            "path": {"type": "string"},
            "quote": {"type": "string"},
            "page": {"type": "integer"},
            "confidence": {"type": "number"},
        }
    ),
}
"""The closed form of ``evidence``."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a job wants to know about its values."""

    sources: bool
    confidence: bool

    def __bool__(self) -> bool:
        return self.sources or self.confidence


def known_of(data: Any, evidence: Any, quotes: Quotes, pages: list[int], wanted: Wanted) -> Any:
    """Return the mirror of ``data`` with what is known about each value.

    Args:
        data: the values.
        evidence: what the model says of them; anything may be wrong with it.
        quotes: the document.
        pages: where quotes may stand.
        wanted: what to say.
    """
    told = _by_path(evidence)
    entries = {
        path: _entry(value, told.get(_place(path), {}), quotes, pages, wanted)
        for path, value in leaves(data)
        if value is not None
    }
    return mirror(data, entries)


def _entry(
    value: Any, told: Mapping[str, Any], quotes: Quotes, pages: list[int], wanted: Wanted
) -> dict[str, Any]:
    quote = told.get("quote")
    if not isinstance(quote, str) or not quote.strip():
        quote = value if isinstance(value, str) else ""
    page = told.get("page")
    citation = quotes.cite(quote, page if isinstance(page, int) else None, pages)
    sure = _confidence(told.get("confidence"))
    if citation is None:
        sure = min(sure, UNSUPPORTED)
    return entry(
        sure if wanted.confidence else None,
        [citation] if citation is not None and wanted.sources else [],
    )


def _by_path(evidence: Any) -> dict[str, Mapping[str, Any]]:
    listed = evidence if isinstance(evidence, list) else []
    return {
        _SEPARATORS.sub("/", one["path"]).strip("/"): one
        for one in listed
        if isinstance(one, Mapping) and isinstance(one.get("path"), str)
    }


def _place(path: tuple[str | int, ...]) -> str:
    return _SEPARATORS.sub("/", "/".join(map(str, path))).strip("/")


def _confidence(told: Any) -> float:
    if isinstance(told, bool) or not isinstance(told, int | float):
        return UNSAID
    return min(1.0, max(0.0, float(told)))
