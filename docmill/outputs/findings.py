"""Summaries of results: the types of classifications, the fields of extractions."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from docmill.contracts.words import JobType

NO_TYPE = "(no rule fits)"
MAX_NAMES = 500
"""Maximum names that are counted; a schema may have any number of fields."""
MAX_BRIEF = 160
"""Maximum characters of the summary of one result."""

TITLES: Mapping[str, str] = {JobType.CLASSIFY: "Types", JobType.EXTRACT: "Fields found"}
"""Titles of the counts, by product; a parse has none."""


class _Result(BaseModel):
    """The part of a ``result.json`` that is read here."""

    result: Any


@dataclass(slots=True)
class Findings:
    """The number of results with each type, or with a value for each field."""

    job_type: str
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def title(self) -> str | None:
        """The title of the counts; None for a product without counts."""
        return TITLES.get(self.job_type)

    @property
    def ranked(self) -> list[tuple[str, int]]:
        """Names and counts, most frequent first."""
        return sorted(self.counts.items(), key=lambda one: (-one[1], one[0]))

    def add(self, result: bytes | None) -> None:
        """Count an exported ``result.json``; a missing or damaged one is ignored."""
        if self.title is None or result is None:
            return
        try:
            found = _Result.model_validate_json(result).result
        except ValidationError:
            return  # `verify` reports it
        for name in _names(self.job_type, found):
            if name in self.counts or len(self.counts) < MAX_NAMES:
                self.counts[name] += 1


def result_value(job_type: str, data: bytes) -> Any:
    """Return the value of a stored result of ``job_type``; None for a parse or a damaged result."""
    if job_type not in TITLES:
        return None
    try:
        return _Result.model_validate_json(data).result
    except ValidationError:
        return None


def summary_line(job_type: str, found: Any) -> str:
    """Return a `result_value` as one line; for several entries their number and one of them."""
    if job_type == JobType.CLASSIFY:
        line = f"{found['type'] or NO_TYPE} ({found['confidence']:.0%})"
    elif isinstance(found, list):
        first: Any = next((entry for entry in found if not _empty(entry)), {})
        line = f"{len(found)}: {summary_line(job_type, first)}"
    else:
        filled = {name: value for name, value in found.items() if not _empty(value)}
        fields = ", ".join(f"{name}: {_shown(value)}" for name, value in filled.items())
        line = fields or "nothing found"
    return line if len(line) <= MAX_BRIEF else line[: MAX_BRIEF - 1] + "…"


def _names(job_type: str, found: Any) -> Iterator[str]:
    if job_type == JobType.CLASSIFY:
        yield found["type"] or NO_TYPE
        return
    entries = found if isinstance(found, list) else [found]
    filled = {name: None for entry in entries for name, value in entry.items() if not _empty(value)}
    yield from filled


def _empty(value: Any) -> bool:
    """Whether it contains no value at any level."""
    if isinstance(value, dict):
        return all(_empty(part) for part in value.values())
    if isinstance(value, list):
        return all(_empty(part) for part in value)
    return value is None or value == ""


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
