"""Slices of large documents: the result of one slice, and the protocol of engines.

Each slice is read by a run of its own, in any child process, and written to a file. A last run
joins the files to the result. Decisions that need all pages, such as which running line is the
first of its kind, are made when the slices are joined.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, Field

from docmill.contracts.warnings import ResultWarning, WarningCode
from docmill.engines.base import Document, Limits, ParsedPage, ParseResult, Slice

TEXT_PAGES = 512
"""Pages whose text layers are read in one run. At 10 to 20 ms per page a run takes seconds, and
its memory is bounded."""
OCR_PAGES = 8
"""Pages with text recognition in one run, at about one second each. Small runs let other files use
the child processes, and bound the work that a lost worker loses."""


class ReadPage(BaseModel):
    """A page before the steps that depend on preceding pages.

    Attributes:
        page: its Markdown is the body only; ``header`` and ``footer`` are its running lines.
        above: lines that were restored above the body.
        below: lines that were restored below the body.
        further: lines outside of the page's text, such as values of form fields.
    """

    page: ParsedPage
    above: list[str] = Field(default_factory=list)
    below: list[str] = Field(default_factory=list)
    further: list[str] = Field(default_factory=list)


class SlicePart(BaseModel):
    """Result of reading one slice.

    Attributes:
        document_pages: number of pages of the document.
        asked: all requested pages of the document.
        pages: pages of the slice; pages that the engine did not return are missing.
        recognise: pages of the slice that still need text recognition.
        recognised: whether this is recognised text of pages that another slice contains as well.
        pictures: hash of a page's image whose text was recognised in addition to its own, by page.
        warnings: warnings about the document.
        about_pages: code, sentence and page of warnings about pages.
        first_lines: lines of the document that belong to the first page.
        metadata: as in the result.
        inventory: as in the result, for the pages of the slice.
        timings: seconds by step.
    """

    document_pages: int
    asked: list[int]
    pages: list[ReadPage] = Field(default_factory=list)
    recognise: list[int] = Field(default_factory=list)
    recognised: bool = False
    pictures: dict[int, str] = Field(default_factory=dict)
    warnings: list[ResultWarning] = Field(default_factory=list)
    about_pages: list[tuple[WarningCode, str, int]] = Field(default_factory=list)
    first_lines: list[str] = Field(default_factory=list)
    metadata: dict[str, Any] = Field(default_factory=dict)
    inventory: dict[str, int] = Field(default_factory=dict)
    timings: dict[str, float] = Field(default_factory=dict)


class UnfinishedError(Exception):
    """Ends a run with a part of a document instead of a result.

    Attributes:
        part: the part.
        engine: name and version of the engine.
        media_type: media type of the document.
    """

    def __init__(self, part: SlicePart, engine: tuple[str, str], media_type: str) -> None:
        super().__init__(f"{len(part.pages)} of {len(part.asked)} pages were read.")
        self.part = part
        self.engine = engine
        self.media_type = media_type


@runtime_checkable
class ReadsSlices(Protocol):
    """An engine that reads large documents in slices."""

    def begin(
        self, document: Document, parameters: dict[str, Any], limits: Limits
    ) -> ParseResult | SlicePart:
        """Parse a document or, if it is large, its first text layers.

        Raises:
            ItemFailure: as `Engine.run`.
        """
        ...

    def read_slice(
        self, document: Document, parameters: dict[str, Any], limits: Limits, wanted: Slice
    ) -> SlicePart:
        """Read a slice.

        Raises:
            ItemFailure: as `Engine.run`.
        """
        ...

    def join(
        self,
        document: Document,
        parameters: dict[str, Any],
        limits: Limits,
        parts: Iterable[SlicePart],
    ) -> ParseResult:
        """Join the parts of all slices to the result of a document; text layers come first."""
        ...


def split(numbers: Sequence[int], size: int) -> list[list[int]]:
    """Split page numbers into runs of at most ``size``."""
    return [list(numbers[start : start + size]) for start in range(0, len(numbers), size)]


def load_parts(paths: Sequence[str]) -> Iterable[SlicePart]:
    """Yield the part of each slice, with one in memory at a time."""
    for path in paths:
        yield SlicePart.model_validate_json(Path(path).read_bytes())
