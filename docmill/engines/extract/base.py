"""Protocol of extractors, and the models of their results."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel, Field

from docmill.contracts.warnings import Warnings
from docmill.engines.base import ParsedPage
from docmill.parameters.extract import Target

EXTRACT = "extract"

METADATA_OF: Mapping[Target, str] = {
    "per_doc": "document_metadata",
    "per_page": "page_metadata",
    "per_table_row": "row_metadata",
}
"""Key of `ExtractResult.field_metadata` by target."""


class ExtractResult(BaseModel):
    """The result of one extraction, as written to ``result.json``.

    Attributes:
        engine: name of the extractor.
        text_engine: name and version of the parse engine; empty if it is the extractor itself.
        target: scope of the schema: the document, each page, or each row of its tables.
        result: an object by the schema; a list of objects unless the target is the document.
        result_pages: page of each entry of ``result``, when the target is the page.
        field_metadata: one key of `METADATA_OF` with a mirror of ``result`` that has an `entry` for
            each value; empty when neither citations nor confidence were requested.
        usage: counters of the engine: ``requests``, ``input_tokens``, ``output_tokens``.
        pages_total: number of parsed pages; always ok + failed.
        document_pages: number of pages of the document.
        warnings: warnings about the text and the result.
        timings: seconds by step.
        files: sha256 of each file next to ``result.json``, by name.
    """

    schema_version: int = 1
    product: str = EXTRACT
    engine: str
    engine_version: str
    text_engine: str = ""
    text_engine_version: str = ""
    media_type: str
    target: Target = "per_doc"
    result: dict[str, Any] | list[dict[str, Any]]
    result_pages: list[int] = Field(default_factory=list)
    field_metadata: dict[str, Any] = Field(default_factory=dict)
    usage: dict[str, int] = Field(default_factory=dict)
    pages_total: int
    pages_ok: int
    pages_failed: int
    partial: bool = False
    document_pages: int | None = None
    warnings: Warnings = Field(default_factory=list)
    timings: dict[str, float] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """Values that were extracted from a part of a document.

    Attributes:
        data: object by the schema.
        metadata: mirror of ``data`` with an `entry` for each value; None if nothing is known.
        warnings: warnings about the values.
    """

    data: Any
    metadata: Any = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """Result of an extractor for a document, in the form of the target.

    Attributes:
        result: see `ExtractResult`.
        metadata: mirror of ``result``.
        pages: page of each entry, when the target is the page.
        failed_pages: pages with text from which nothing valid was extracted.
    """

    result: dict[str, Any] | list[dict[str, Any]]
    metadata: Any = None
    pages: list[int] = field(default_factory=list)
    failed_pages: int = 0
    warnings: list[str] = field(default_factory=list)


class Extractor(Protocol):
    """Extracts the fields of a schema from pages, in an engine's child process.

    Attributes:
        name: one word.
        version: changes whenever the result for the same pages and schema may change.
    """

    name: str
    version: str

    def extract(
        self, pages: Sequence[ParsedPage], schema: Mapping[str, Any], target: Target
    ) -> Findings:
        """Extract the fields of the schema.

        Args:
            pages: parsed pages in order.
            schema: a schema that `docmill.parameters.extract_schema.checked_schema` accepts.
            target: scope of the schema.
        """
        ...


def entry(
    confidence: float | None = None, citation: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """Build the metadata of one value.

    Args:
        confidence: probability that the value is right, 0..1.
        citation: location: ``page``, ``matching_text`` and, if known, the ``bounding_boxes`` on the
            page.
    """
    return {"confidence": confidence, "citation": list(citation)}


def mirror(data: Any, entries: Mapping[tuple[str | int, ...], dict[str, Any]]) -> Any:
    """Return ``data`` with an entry in place of each value; missing entries are empty."""
    return _mirrored(data, entries, ())


def _mirrored(
    value: Any, entries: Mapping[tuple[str | int, ...], dict[str, Any]], path: tuple[str | int, ...]
) -> Any:
    if isinstance(value, dict):
        return {key: _mirrored(one, entries, (*path, key)) for key, one in value.items()}
    if isinstance(value, list):
        return [_mirrored(one, entries, (*path, n)) for n, one in enumerate(value)]
    return entries.get(path) or entry()


def leaves(
    value: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield path and value of everything in ``value`` except objects and lists."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, (*path, key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from leaves(one, (*path, number))
    else:
        yield path, value
