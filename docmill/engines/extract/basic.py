"""Extractor ``basic``: values next to their labels, without a model and without guesses."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from docmill.engines.base import ParsedPage
from docmill.engines.extract.base import Findings, Found, entry, mirror
from docmill.engines.extract.citations import Quotes
from docmill.engines.extract.labels import (
    ADJACENT,
    FOLLOWING,
    Place,
    Words,
    column_labels,
    labels_of,
    places_of,
    tables_of,
    words,
)
from docmill.engines.extract.schema import ROWS, Node, Shape, rows_of
from docmill.engines.extract.values import value_of
from docmill.engines.markdown import Row
from docmill.errors import bounded
from docmill.parameters.extract import Target

Path = tuple[str | int, ...]

MAX_FIELDS = 2_000
"""Fields of a schema that are searched. Recursive schemas have no end."""
MAX_DEPTH = 12
_MIN_COLUMNS = 2
"""Matching columns that identify a table, unless its rows have fewer fields."""
_MISFITS = 10


@dataclass(frozen=True, slots=True)
class _Field:
    """A single value or a list of objects of the schema."""

    path: tuple[str, ...]
    node: Node
    labels: list[Words]


class BasicExtractor:
    """Matches labels and table headers with the names of fields."""

    name = "basic"
    version = "1"

    def extract(
        self, pages: Sequence[ParsedPage], schema: Mapping[str, Any], target: Target
    ) -> Findings:
        """Return the values next to labels. Fields without a label are null or missing."""
        quotes = Quotes(pages)
        wanted = _Target(rows_of(schema) if target == "per_table_row" else schema)
        if target == "per_page":
            return _by_page([(page, _Extraction(wanted, [page], quotes).found()) for page in pages])
        found = _Extraction(wanted, pages, quotes).found()
        if target == "per_table_row":
            known = found.metadata.get(ROWS, [])
            return Findings(found.data.get(ROWS, []), known, warnings=list(found.warnings))
        return Findings(found.data, found.metadata, warnings=list(found.warnings))


def _by_page(found: Sequence[tuple[ParsedPage, Found]]) -> Findings:
    return Findings(
        [one.data for _, one in found],
        [one.metadata for _, one in found],
        [page.page_number for page, _ in found],
        warnings=[
            f"Page {page.page_number}: {warning}" for page, one in found for warning in one.warnings
        ],
    )


class _Target:
    """A schema and its fields."""

    def __init__(self, schema: Node) -> None:
        self.shape = Shape(schema)
        fields = list(islice(_fields(self.shape, schema), MAX_FIELDS + 1))
        self.fields = fields[:MAX_FIELDS]
        self.warnings = (
            [f"Only the first {MAX_FIELDS} fields were searched."]
            if len(fields) > MAX_FIELDS
            else []
        )
        self.labels = {label for field in self.fields for label in field.labels}


class _Extraction:
    """Extraction of one object of a schema from some pages."""

    def __init__(self, wanted: _Target, pages: Sequence[ParsedPage], quotes: Quotes) -> None:
        self._wanted = wanted
        self._shape = wanted.shape
        self._quotes = quotes
        self._entries: dict[Path, dict[str, Any]] = {}
        self._warnings = list(wanted.warnings)
        self._tables = [(page.page_number, table) for page in pages for table in tables_of(page)]
        self._places: dict[Words, list[tuple[int, Place]]] = defaultdict(list)
        for page in pages:
            for one in places_of(page):
                if one.label in wanted.labels:
                    self._places[one.label].append((page.page_number, one))

    def found(self) -> Found:
        """Return the values, and warnings where they do not match the schema."""
        from docmill.parameters.extract_schema import place, validator_of  # noqa: PLC0415 - loaded late, as in `Shape`

        data: dict[str, Any] = {}
        for field in self._wanted.fields:
            self._fill(data, field)
        errors = validator_of(self._shape.root).iter_errors(data)
        self._warnings += [
            f"The result does not fit the schema at {place(error)}: {bounded(error.message)}."
            for error in islice(errors, _MISFITS)
        ]
        return Found(data, mirror(data, self._entries), tuple(self._warnings))

    def _fill(self, data: dict[str, Any], field: _Field) -> None:
        types = self._shape.types(field.node)
        value = (self._rows(field) or None) if "array" in types else self._single(field, types)
        if value is None and not self._shape.fits(field.node, None):
            return
        holder = data
        for key in field.path[:-1]:
            holder = holder.setdefault(key, {})
        holder[field.path[-1]] = value

    def _single(self, field: _Field, types: set[str]) -> Any:
        """Return the value of the most specific label, if it is unique."""
        for label in field.labels:
            candidates = [
                (value, page, one)
                for page, one in self._places.get(label, ())
                if _belongs(one, label, types)
                and (value := value_of(one.value, types, field.node)) is not None
                and self._shape.fits(field.node, value)
            ]
            best = max((one.confidence for _, _, one in candidates), default=0.0)
            candidates = [one for one in candidates if one[2].confidence == best]
            if len({value for value, _, _ in candidates}) > 1:
                name = ".".join(field.path)
                self._warnings.append(f"{name} is omitted: its label has several values.")
                return None
            if candidates:
                value, page, one = candidates[0]
                self._entries[field.path] = self._entry(one.value, page, one.confidence)
                return value
        return None

    def _rows(self, field: _Field) -> list[Any]:
        """Return an object for each row of the tables whose columns match the fields."""
        items = self._shape.items(field.node)
        columns = {
            label: (key, its)
            for key, its in reversed(self._shape.properties(items).items())
            for label in column_labels(key, its)
        }
        fewest = min(_MIN_COLUMNS, len(self._shape.properties(items)))
        rows: list[Any] = []
        for page, (head, *body) in self._tables:
            called = enumerate(map(words, head))
            known = {n: columns[label] for n, label in called if label in columns}
            if fewest and len({key for key, _ in known.values()}) >= fewest:
                rows += self._table(field.path, len(rows), known, body, page)
        return rows

    def _table(
        self,
        path: tuple[str, ...],
        first: int,
        known: Mapping[int, tuple[str, Any]],
        body: Sequence[Row],
        page: int,
    ) -> list[Any]:
        rows: list[Any] = []
        for cells in body:
            found: dict[str, Any] = {}
            for column, (key, node) in known.items():
                cell = cells[column] if column < len(cells) else ""
                value = value_of(cell, self._shape.types(node), node)
                if value is not None and self._shape.fits(node, value) and key not in found:
                    found[key] = value
                    where: Path = (*path, first + len(rows), key)
                    self._entries[where] = self._entry(cell, page, ADJACENT)
            if found:
                rows.append(found)
        return rows

    def _entry(self, text: str, page: int, confidence: float) -> dict[str, Any]:
        citation = self._quotes.cite(text, page, [page]) or {"page": page, "matching_text": text}
        return entry(confidence, [citation])


def _fields(shape: Shape, node: Any, around: tuple[tuple[str, Any], ...] = ()) -> Iterator[_Field]:
    """Yield every single value and every list of objects in ``node``."""
    if len(around) > MAX_DEPTH:
        return
    for key, its in shape.properties(node).items():
        fields = (*around, (key, its))
        types = shape.types(its)
        path = tuple(name for name, _ in fields)
        if shape.properties(its):
            yield from _fields(shape, its, fields)
        elif "array" not in types:
            if "object" not in types:
                yield _Field(path, its if isinstance(its, dict) else {}, labels_of(fields))
        elif shape.properties(shape.items(its)):
            yield _Field(path, its, [])


def _belongs(one: Place, label: Words, types: set[str]) -> bool:
    """Return whether a value after its label belongs to it. After one word it may be prose."""
    return one.confidence != FOLLOWING or len(label) > 1 or bool(types & {"integer", "number"})
