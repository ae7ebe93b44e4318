"""Labels of schema fields, and labelled values and tables on the pages of a document."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from docmill.engines.base import ParsedPage
from docmill.engines.markdown import Row, rewrite_tables

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
_STOP_WORDS = frozenset({"a", "an", "and", "for", "in", "of", "the", "to", "your"})
_VALUE_FIELDS = frozenset({"amount", "text", "value"})
"""Fields that contain the value of the object around them."""
_GENERIC = _VALUE_FIELDS | {"code", "count", "currency", "date", "growth", "id", "name", "number"}
_GENERIC |= {"percent", "rate", "start", "end", "status", "title", "total", "type", "unit"}
"""Names without meaning outside of the object around them."""
_MAX_LABEL_WORDS = 6
"""Maximum words of a description that can be a label; a longer one is a sentence."""
_MAX_SHORT_WORD = 3
"""Letters up to which a final s belongs to the word."""


def words(text: str) -> Words:
    """Normalize the words of a label: order, number and case do not count."""
    text = re.sub(r"\be-?mail\b", "email", text, flags=re.IGNORECASE)
    found = [_SYNONYMS.get(word, word) for word in _WORD.findall(_CAMEL.sub(" ", text).casefold())]
    return tuple(sorted(_singular(word) for word in found if word not in _STOP_WORDS))


def labels_of(fields: Sequence[tuple[str, Any]]) -> list[Words]:
    """Return possible labels of a field, most specific first.

    Args:
        fields: key and schema of the field and of the objects around it, outermost first.
    """
    (key, node), around = fields[-1], fields[:-1]
    own = words(key)
    generic = set(own) <= _GENERIC
    found: list[Words] = list(_described(node))
    if around:
        outer_key, outer = around[-1]
        found.append(tuple(sorted({*words(outer_key), *own})))
        found += [tuple(sorted({*label, *own})) for label in _described(outer)]
        if set(own) <= _VALUE_FIELDS:
            found += [words(outer_key), *_described(outer)]
    if not (around and generic):
        found.append(own)
    return [label for label in dict.fromkeys(found) if label]


def column_labels(key: str, node: Any) -> list[Words]:
    """Return possible headers of a field's column. The table supplies the context."""
    return [label for label in dict.fromkeys([*_described(node), words(key)]) if label]


def _described(node: Any) -> Iterator[Words]:
    """Yield the title and a short description of a schema as labels."""
    for said in ("title", "description"):
        text = node.get(said) if isinstance(node, dict) else None
        if isinstance(text, str) and len(text.split()) <= _MAX_LABEL_WORDS:
            yield words(text)


def _singular(word: str) -> str:
    return (
        word[:-1]
        if len(word) > _MAX_SHORT_WORD and word.endswith("s") and word[-2] != "s"
        else word
    )


ADJACENT = 0.9
"""Confidence in a value that a colon, a table or a wide gap ties to its label."""
FOLLOWING = 0.8
"""Confidence in a value that follows its label on the line."""
BELOW = 0.7
"""Confidence in a value on the next line."""

_SEGMENT = re.compile(r"\S+(?: \S+)*")
_MAX_LINE = 1_000
"""Characters of a line that are examined."""
_MAX_LABEL_WORDS_ON_PAGE = 8
"""Maximum words of a label."""
_COLUMN_TOLERANCE = 2
"""Tolerance in characters for the start of a column."""
_PLAIN = re.compile(r"[*`_]{2,}|<br\s*/?>")


@dataclass(frozen=True, slots=True)
class Place:
    """A label and the value next to it.

    Attributes:
        label: normalized words of the label.
        value: text of the value.
        confidence: probability that they belong together.
    """

    label: Words
    value: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Segment:
    """Words of a line without wide gaps, and the column of the first one."""

    text: str
    column: int


def places_of(page: ParsedPage) -> Iterator[Place]:
    """Yield every possible label of a page with its value. Most are not labels."""
    yield from _in_text(page.text)
    for table in tables_of(page):
        yield from _in_table(table)


def tables_of(page: ParsedPage) -> list[list[Row]]:
    """Return the tables of a page; the first row of each is its header."""
    found: list[list[Row]] = []

    def collect(rows: list[Row]) -> str:
        found.append([[_PLAIN.sub(" ", cell).strip() for cell in row] for row in rows])
        return ""

    rewrite_tables(page.markdown, collect)
    return found


def _in_text(text: str) -> Iterator[Place]:
    lines = [_segments(line) for line in text.splitlines() if line.strip()]
    for number, segments in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else []
        for at, segment in enumerate(segments):
            yield from _in_segment(segment)
            if at + 1 < len(segments):
                yield _place(segment.text, segments[at + 1].text, ADJACENT)
            if (below := _below(segment, following)) is not None:
                yield _place(segment.text, below.text, BELOW)


def _in_segment(segment: Segment) -> Iterator[Place]:
    """Yield ``Label: value``, and every split of ``label value``."""
    label, colon, value = segment.text.partition(": ")
    if colon and value:
        yield _place(label, value, ADJACENT)
    parts = segment.text.split(" ")
    for cut in range(1, min(len(parts), _MAX_LABEL_WORDS_ON_PAGE + 1)):
        yield _place(" ".join(parts[:cut]), " ".join(parts[cut:]), FOLLOWING)


def _below(segment: Segment, following: list[Segment]) -> Segment | None:
    """Return the segment below ``segment`` on the next line."""
    return next(
        (one for one in following if abs(one.column - segment.column) <= _COLUMN_TOLERANCE), None
    )


def _in_table(rows: list[Row]) -> Iterator[Place]:
    for row in rows:
        cells = [cell for cell in row if cell]
        if len(cells) == 2:  # noqa: PLR2004 - a label and its value
            yield _place(cells[0], cells[1], ADJACENT)
    head, *body = rows
    for column, label in enumerate(head):
        for row in body:
            if column < len(row) and row[column]:
                yield _place(label, row[column], ADJACENT)


def _segments(line: str) -> list[Segment]:
    return [Segment(found.group(), found.start()) for found in _SEGMENT.finditer(line[:_MAX_LINE])]


def _place(label: str, value: str, confidence: float) -> Place:
    return Place(words(label.rstrip(":")), value, confidence)
