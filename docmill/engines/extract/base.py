"""The protocol of extractors, and the shape of what they find."""

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
"""Where `ExtractResult.field_metadata` has what is known about the values, by target."""


class ExtractResult(BaseModel):
    """The result of one extraction, as written to ``result.json``.

    Attributes:
        engine: what extracted.
        text_engine: what read the text, with its version; empty when the same engine did.
        target: what the schema describes: the document, each page, or each row of its tables.
        result: an object by the schema; a list of them unless the target is the document.
        result_pages: the page of each entry of ``result``, when the target is the page.
        field_metadata: one key of `METADATA_OF` with a mirror of ``result``, where each value has
            its `entry`; empty when neither sources nor confidence were asked for.
        usage: what the engine counted: ``requests``, ``input_tokens``, ``output_tokens``.
        pages_total: pages that were read; always ok + failed.
        document_pages: pages that the document has.
        warnings: what a reader should know.
        timings: seconds by step.
        files: sha256 of each file beside ``result.json``, by name.
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
    """What one reading of some text gave.

    Attributes:
        data: by the schema.
        metadata: its mirror: an `entry` for each value; None when nothing is known about them.
        warnings: what a reader should know.
    """

    data: Any
    metadata: Any = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """What an engine found in a document, in the form of its target.

    Attributes:
        result: see `ExtractResult`.
        metadata: the mirror of ``result``.
        pages: the page of each entry, when the target is the page.
        failed_pages: those whose text was read, but gave nothing that fits.
    """

    result: dict[str, Any] | list[dict[str, Any]]
    metadata: Any = None
    pages: list[int] = field(default_factory=list)
    failed_pages: int = 0
    warnings: list[str] = field(default_factory=list)


class Extractor(Protocol):
    """Finds the fields of a schema in pages, in an engine's child process.

    Attributes:
        name: one word.
        version: changes whenever the same pages and schema may give another answer.
    """

    name: str
    version: str

    def extract(
        self, pages: Sequence[ParsedPage], schema: Mapping[str, Any], target: Target
    ) -> Findings:
        """Return what the pages say of the schema's fields.

        Args:
            pages: those that were read, in order.
            schema: as `docmill.parameters.extract_schema.checked_schema` takes it.
            target: what it describes.
        """
        ...


def entry(
    confidence: float | None = None, citation: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """Return what is known about one value.

    Args:
        confidence: how likely it is right, 0..1.
        citation: where it stands: ``page``, ``matching_text`` and, where known, the page's
            ``bounding_boxes``.
    """
    return {"confidence": confidence, "citation": list(citation)}


def mirror(data: Any, entries: Mapping[tuple[str | int, ...], dict[str, Any]]) -> Any:
    """Return ``data`` with an entry in place of each value, those without one of their own too."""
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
    """Yield the path and value of everything in ``value`` that is no object and no list."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, (*path, key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from leaves(one, (*path, number))
    else:
        yield path, value
