"""What results say, in short: the types of a classification, the fields of an extraction."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from docmill.contracts.words import JobType

NO_TYPE = "(no rule fits)"
MAX_NAMES = 500
"""Names that are counted; a schema may have any number of fields, and name them freely."""
MAX_BRIEF = 160
"""Characters of one result in one line."""

TITLES: Mapping[str, str] = {JobType.CLASSIFY: "Types", JobType.EXTRACT: "Fields found"}
"""What is counted, by product; a parse has nothing of the kind."""


class _Result(BaseModel):
    """The one part of a ``result.json`` that matters here."""

    result: Any


@dataclass(slots=True)
class Findings:
    """In how many results each type, or each field with a value, was found."""

    job_type: str
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def title(self) -> str | None:
        """What is counted; None for a product that has nothing to count."""
        return TITLES.get(self.job_type)

    @property
    def ranked(self) -> list[tuple[str, int]]:
        """Names and counts, the most frequent first."""
        return sorted(self.counts.items(), key=lambda one: (-one[1], one[0]))

    def add(self, path: Path) -> None:
        """Take an exported ``result.json`` into account; a lost or damaged one says nothing."""
        if self.title is None:
            return
        try:
            found = _Result.model_validate_json(path.read_bytes()).result
        except (OSError, ValidationError):
            return  # `verify` says so
        for name in _names(self.job_type, found):
            if name in self.counts or len(self.counts) < MAX_NAMES:
                self.counts[name] += 1


def said(job_type: str, data: bytes) -> Any:
    """Return what a stored result of ``job_type`` says; None for a parse, and for a damaged one."""
    if job_type not in TITLES:
        return None
    try:
        return _Result.model_validate_json(data).result
    except ValidationError:
        return None


def brief(job_type: str, found: Any) -> str:
    """Return what `said` gave as one line for people; of several entries how many, and one."""
    if job_type == JobType.CLASSIFY:
        line = f"{found['type'] or NO_TYPE} ({found['confidence']:.0%})"
    elif isinstance(found, list):
        first: Any = next((entry for entry in found if not _empty(entry)), {})
        line = f"{len(found)}: {brief(job_type, first)}"
    else:
        filled = {name: value for name, value in found.items() if not _empty(value)}
        told = ", ".join(f"{name}: {_shown(value)}" for name, value in filled.items())
        line = told or "nothing found"
    return line if len(line) <= MAX_BRIEF else line[: MAX_BRIEF - 1] + "…"


def _names(job_type: str, found: Any) -> Iterator[str]:
    if job_type == JobType.CLASSIFY:
        yield found["type"] or NO_TYPE
        return
    entries = found if isinstance(found, list) else [found]
    filled = {name: None for entry in entries for name, value in entry.items() if not _empty(value)}
    yield from filled


def _empty(value: Any) -> bool:
    """Whether there is no value in it anywhere."""
    if isinstance(value, dict):
        return all(_empty(part) for part in value.values())
    if isinstance(value, list):
        return all(_empty(part) for part in value)
    return value is None or value == ""


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
