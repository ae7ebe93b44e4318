"""Accuracy of the extraction engine `basic` on documents with schemas and expected values.

    python -m bench.extract.measure CORPUS

CORPUS has ``extract/NAME.schema.json``, ``extract/NAME.expected.json`` and ``documents/NAME.*``.
A field is one expected value that is not null. It counts as found if its number is equal, or its
text is equal except for case, spaces and punctuation.
"""

import json
import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docmill.engines.base import EngineTask
from docmill.engines.extract.base import leaves
from docmill.engines.extract.basic import BasicExtractor
from docmill.engines.parse import Watcher, parse_document
from docmill.engines.registry import builtin


@dataclass
class Score:
    """Score of one document; ``wrong`` has the fields with another value."""

    fields: int = 0
    right: int = 0
    wrong: dict[str, tuple[Any, Any]] = field(default_factory=dict)


def scores(corpus: Path) -> dict[str, Score]:
    """Extract from every document and compare, by its file's name."""
    found = {}
    for path in sorted((corpus / "extract").glob("*.schema.json")):
        name = path.name.removesuffix(".schema.json")
        (document,) = (corpus / "documents").glob(f"{name}.*")
        expected = json.loads((corpus / "extract" / f"{name}.expected.json").read_text())
        found[document.name] = _score(expected, _extract(document, json.loads(path.read_text())))
    return found


def table(corpus: Path) -> str:
    """Return the scores as Markdown."""
    lines = ["| document | fields | found | wrong |", "|---|---|---|---|"]
    for name, score in scores(corpus).items():
        lines.append(f"| `{name}` | {score.fields} | {score.right} | {len(score.wrong)} |")
    return "\n".join(lines)


def _extract(document: Path, schema: dict[str, Any]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        task = EngineTask("parse", str(document), document.name, folder)
        result, _ = parse_document(task, {}, builtin(), Watcher())
    return BasicExtractor().extract(result.pages, schema, "per_doc").result


def _score(expected: Any, found: Any) -> Score:
    given = dict(leaves(found))
    score = Score()
    for path, value in leaves(expected):
        if value is None:
            continue
        score.fields += 1
        if given.get(path) is None:
            continue
        if _same(given[path], value):
            score.right += 1
        else:
            score.wrong["/".join(map(str, path))] = (given[path], value)
    return score


def _same(found: Any, expected: Any) -> bool:
    if isinstance(expected, str) and isinstance(found, str):
        return _plain(found) == _plain(expected)
    return bool(found == expected)


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())


if __name__ == "__main__":
    print(table(Path(sys.argv[1])))
