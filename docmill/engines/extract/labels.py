"""The words by which a document may call a field of a schema."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

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
