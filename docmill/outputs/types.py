"""Which types the files of a classification have, read from the exported results."""

from collections import Counter
from pathlib import Path

from pydantic import BaseModel, ValidationError

from docmill.outputs.naming import MANIFEST_LINES
from docmill.outputs.verify import read_rows

NO_TYPE = "(no rule fits)"


class _Verdict(BaseModel):
    type: str | None


class _Classified(BaseModel):
    """The one part of a ``result.json`` of a classification that matters here."""

    result: _Verdict


def count_types(out: Path) -> dict[str, int]:
    """Return how many results below ``out`` have each type, the most frequent first.

    Raises:
        UsageError: there is no manifest, or it cannot be read.
    """
    counts: Counter[str] = Counter()
    for row in read_rows(out / MANIFEST_LINES):
        if row.output_path is not None:
            try:
                found = _Classified.model_validate_json((out / row.output_path).read_bytes())
            except (OSError, ValidationError):
                continue  # lost or damaged: `verify` says so
            counts[found.result.type or NO_TYPE] += 1
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))
