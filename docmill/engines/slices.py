"""Large documents in slices: what was read of one slice, and how an engine takes part.

A slice is read by a run of its own, in any child process, and what it read is a file. A last run
joins these files to the result. Decisions that need all pages, such as which running line is the
first of its kind, are taken when they are joined.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, Field

from docmill.contracts.warnings import ResultWarning, WarningCode
from docmill.engines.base import Document, Limits, ParsedPage, ParseResult, Slice

TEXT_PAGES = 512
"""Pages whose text layers are read in one run, and on which its decisions rest. At 10 to 20 ms a
page it lasts seconds, and its memory is bounded."""
OCR_PAGES = 8
"""Pages on which text is recognised in one run, at about a second each: others wait no longer for
a child, and a lost worker loses no more."""
SLICE_FILE = "slice.json"
"""What a run that reads a slice leaves in its output folder: a `SlicePart`."""


class ReadPage(BaseModel):
    """A page before what depends on the pages before it.

    Attributes:
        page: its Markdown is the body alone; ``header`` and ``footer`` are its running lines.
        above: lines that were put back above the body.
        below: lines that were put back below it.
        further: lines that are not in the page's text, such as the values of its form fields.
    """

    page: ParsedPage
    above: list[str] = Field(default_factory=list)
    below: list[str] = Field(default_factory=list)
    further: list[str] = Field(default_factory=list)


class SlicePart(BaseModel):
    """What was read of one slice.

    Attributes:
        document_pages: pages that the document has.
        asked: all pages that were asked for.
        pages: those of the slice; a page is missing that the engine did not return.
        recognise: pages of the slice whose text is still to be recognised.
        recognised: whether this is the recognised text of pages that another slice has as well.
        pictures: hash of the picture of a page whose text was recognised beside its own, by page.
        warnings: about the document.
        about_pages: code, sentence and page of the warnings about pages.
        first_lines: lines that belong to the first page, and are known with the document alone.
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
    """A run ends with a part of a document instead of its result.

    Attributes:
        part: what was read.
        engine: name and version of what read it.
        media_type: of the document.
    """

    def __init__(self, part: SlicePart, engine: tuple[str, str], media_type: str) -> None:
        super().__init__(f"{len(part.pages)} of {len(part.asked)} pages were read.")
        self.part = part
        self.engine = engine
        self.media_type = media_type


@runtime_checkable
class ReadsSlices(Protocol):
    """An engine that can read a large document in slices."""

    def begin(
        self, document: Document, parameters: dict[str, Any], limits: Limits
    ) -> ParseResult | SlicePart:
        """Read a document, or of a large one its first text layers.

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
        """Return the result of a document whose slices were all read; text layers come first."""
        ...


def split(numbers: Sequence[int], size: int) -> list[list[int]]:
    """Return numbers of pages in runs of at most ``size``."""
    return [list(numbers[start : start + size]) for start in range(0, len(numbers), size)]


def load_parts(paths: Sequence[str]) -> Iterable[SlicePart]:
    """Yield what was read of each slice, one in memory at a time."""
    for path in paths:
        yield SlicePart.model_validate_json(Path(path).read_bytes())
