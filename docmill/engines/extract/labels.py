"""Where a page has a value beside, below or behind its label, and where it has tables."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from docmill.engines.base import ParsedPage
from docmill.engines.tables import Row, rewrite_tables

Words = tuple[str, ...]

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W_]+|#|%")
_SYNONYMS = {
    "#": "number",
    "no": "number",
    "nr": "number",
    "num": "number",
    "qty": "quantity",
    "amt": "amount",
    "tel": "phone",
    "telephone": "phone",
    "%": "percent",
}
_EMPTY = frozenset({"a", "an", "and", "for", "in", "of", "the", "to", "your"})
_HOLDERS = frozenset({"amount", "text", "value"})
"""Fields that hold what the object around them is called."""
_GENERIC = _HOLDERS | {"code", "count", "currency", "date", "growth", "id", "name", "number"}
_GENERIC |= {"percent", "rate", "start", "end", "status", "title", "total", "type", "unit"}
"""Names that say nothing without the object around them."""
_LONGEST = 6
"""Words of a description that may be a label; a longer one is a sentence."""
_SHORT = 3
"""Letters of a word whose last s may be part of it."""


def words(text: str) -> Words:
    """Return the words of a label as they are compared: in any order, by number and case."""
    text = re.sub(r"\be-?mail\b", "email", text, flags=re.IGNORECASE)
    found = [_SYNONYMS.get(word, word) for word in _WORD.findall(_CAMEL.sub(" ", text).casefold())]
    return tuple(sorted(_singular(word) for word in found if word not in _EMPTY))


def labels_of(fields: Sequence[tuple[str, Any]]) -> list[Words]:
    """Return what a document may call a field, the most telling first.

    Args:
        fields: key and schema of the field and of each object around it, the outermost first.
    """
    (key, node), around = fields[-1], fields[:-1]
    own = words(key)
    generic = set(own) <= _GENERIC
    found: list[Words] = list(_described(node))
    if around:
        outer_key, outer = around[-1]
        found.append(tuple(sorted({*words(outer_key), *own})))
        found += [tuple(sorted({*label, *own})) for label in _described(outer)]
        if set(own) <= _HOLDERS:
            found += [words(outer_key), *_described(outer)]
    if not (around and generic):
        found.append(own)
    return [label for label in dict.fromkeys(found) if label]


def column_labels(key: str, node: Any) -> list[Words]:
    """Return what the head of a table's column may call a field: the table says the rest."""
    return [label for label in dict.fromkeys([*_described(node), words(key)]) if label]


def _described(node: Any) -> Iterator[Words]:
    """Yield what a schema's title and a short description call its field."""
    for said in ("title", "description"):
        text = node.get(said) if isinstance(node, dict) else None
        if isinstance(text, str) and len(text.split()) <= _LONGEST:
            yield words(text)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > _SHORT and word.endswith("s") and word[-2] != "s" else word


BESIDE = 0.9
"""Confidence in a value that a colon, a table or a wide gap ties to its label."""
BEHIND = 0.8
"""In one that follows its label in a line."""
BELOW = 0.7
"""In one that stands in the next line."""

_SEGMENT = re.compile(r"\S+(?: \S+)*")
_LINE = 1_000
"""Characters of a line that are looked at."""
_LONGEST_LABEL = 8
"""Words of a label."""
_COLUMN = 2
"""Characters by which the beginning of a column may be off."""
_PLAIN = re.compile(r"[*`_]{2,}|<br\s*/?>")


@dataclass(frozen=True, slots=True)
class Place:
    """A label and what stands with it.

    Attributes:
        label: its words.
        value: the text.
        confidence: how surely one belongs to the other.
    """

    label: Words
    value: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Segment:
    """Words of a line without wide gaps, and the column where they begin."""

    text: str
    column: int


def places_of(page: ParsedPage) -> Iterator[Place]:
    """Yield every label of a page with its value; most are no labels at all."""
    yield from _in_text(page.text)
    for table in tables_of(page):
        yield from _in_table(table)


def tables_of(page: ParsedPage) -> list[list[Row]]:
    """Return the tables of a page; the first row of each is its head."""
    found: list[list[Row]] = []

    def keep(rows: list[Row]) -> str:
        found.append([[_PLAIN.sub(" ", cell).strip() for cell in row] for row in rows])
        return ""

    rewrite_tables(page.markdown, keep)
    return found


def _in_text(text: str) -> Iterator[Place]:
    lines = [_segments(line) for line in text.splitlines() if line.strip()]
    for number, segments in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else []
        for at, segment in enumerate(segments):
            yield from _in_segment(segment)
            if at + 1 < len(segments):
                yield _place(segment.text, segments[at + 1].text, BESIDE)
            if (below := _below(segment, following)) is not None:
                yield _place(segment.text, below.text, BELOW)


def _in_segment(segment: Segment) -> Iterator[Place]:
    """Yield ``Label: value``, and each way to cut ``label value`` in two."""
    label, colon, value = segment.text.partition(": ")
    if colon and value:
        yield _place(label, value, BESIDE)
    parts = segment.text.split(" ")
    for cut in range(1, min(len(parts), _LONGEST_LABEL + 1)):
        yield _place(" ".join(parts[:cut]), " ".join(parts[cut:]), BEHIND)


def _below(segment: Segment, following: list[Segment]) -> Segment | None:
    """Return what begins under ``segment`` in the next line."""
    return next((one for one in following if abs(one.column - segment.column) <= _COLUMN), None)


def _in_table(rows: list[Row]) -> Iterator[Place]:
    for row in rows:
        cells = [cell for cell in row if cell]
        if len(cells) == 2:  # noqa: PLR2004 - a label and its value
            yield _place(cells[0], cells[1], BESIDE)
    head, *body = rows
    for column, label in enumerate(head):
        for row in body:
            if column < len(row) and row[column]:
                yield _place(label, row[column], BESIDE)


def _segments(line: str) -> list[Segment]:
    return [Segment(found.group(), found.start()) for found in _SEGMENT.finditer(line[:_LINE])]


def _place(label: str, value: str, confidence: float) -> Place:
    return Place(words(label.rstrip(":")), value, confidence)
