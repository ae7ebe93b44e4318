"""The protocol of engines, and the shape of what they produce."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from docmill.contracts.warnings import ResultWarning, Warnings

PAGE_NUMBER = "{pageNumber}"
"""Stands for a page's number in every part of a `Joining`, as in LlamaParse's v1."""


class Joining(BaseModel):
    """What stands between and around pages.

    Attributes:
        separator: between two pages, with the number of the second; None takes what the place
            that joins uses by default.
        prefix: before each page.
        suffix: after each page.
    """

    model_config = ConfigDict(frozen=True)

    separator: str | None = None
    prefix: str = ""
    suffix: str = ""

    def join(self, pages: Iterable[tuple[int, str]], default: str) -> str:
        """Return pages as one text.

        Args:
            pages: number and text of each.
            default: the separator where none was asked for.
        """
        parts: list[str] = []
        for number, text in pages:
            if parts:
                parts.append(
                    _numbered(default if self.separator is None else self.separator, number)
                )
            parts += [_numbered(self.prefix, number), text, _numbered(self.suffix, number)]
        return "".join(parts)


def _numbered(text: str, number: int) -> str:
    return text.replace(PAGE_NUMBER, str(number))


@dataclass(frozen=True, slots=True)
class Document:
    """One file to work on.

    Attributes:
        path: a readable local file.
        name: its name for people; the extension is a hint, the content decides.
        media_type: what `docmill.engines.detect` found in the content.
        output_dir: where the engine may leave images and the like, to be named in its result;
            None when only the result itself is wanted.
        counted: an engine may tell here, before the costly part, how many pages it reads and on
            how many of them it recognises text: its time limit grows with both.
    """

    path: Path
    name: str
    media_type: str
    output_dir: Path | None = None
    counted: Callable[[int, int], None] = lambda _pages, _ocr_pages: None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run of an engine may use.

    Attributes:
        seconds: wall clock, without what each page adds.
        seconds_per_page: what each page that was asked for adds to it.
        seconds_per_ocr_page: what each page adds besides on which text is recognised.
        count_from_bytes: a file below this size is not opened to count its pages beforehand; what
            it holds is read in ``seconds``.
        most_seconds: the wall clock's bound, however many pages there are; None for no bound.
        memory_bytes: address space of the child.
        output_bytes: size of the largest file that it writes.
        folder_bytes: size of all files that it writes together.
        folder_files: number of files and folders that it makes.
        pages: pages of one file.
        cells: cells of all tables of one file.
        html_bytes: size of one HTML page.
        unpacked_bytes: what one packed file (Office, EPUB) may unpack to.
        slice_from_pages: a document of which more pages were asked for is read in slices, by an
            engine that can do so; 0 reads every document in one run.
        slice_from_ocr_pages: likewise for pages on which text is recognised.
    """

    seconds: float = 300.0
    memory_bytes: int = 2048 * 1024 * 1024
    output_bytes: int = 1024 * 1024 * 1024
    pages: int = 5000
    seconds_per_page: float = 0.0
    seconds_per_ocr_page: float = 0.0
    count_from_bytes: int = 0
    most_seconds: float | None = None
    cells: int = 1_000_000
    html_bytes: int = 50 * 1024 * 1024
    unpacked_bytes: int = 256 * 1024 * 1024
    slice_from_pages: int = 0
    slice_from_ocr_pages: int = 0
    folder_bytes: int = 4096 * 1024 * 1024
    folder_files: int = 20_000

    def wall_clock(self, pages: int, ocr_pages: int = 0) -> float:
        """Return the seconds that a document may take.

        Args:
            pages: that were asked for.
            ocr_pages: those of them on which text is recognised.
        """
        of_pages = self.seconds_per_page * pages + self.seconds_per_ocr_page * ocr_pages
        total = self.seconds + of_pages
        return total if self.most_seconds is None else min(total, self.most_seconds)


class Box(BaseModel):
    """A place on a page, in points from its top left corner."""

    model_config = ConfigDict(frozen=True)

    x: float
    y: float
    w: float
    h: float


class ParsedImage(BaseModel):
    """One image of a document; its file lies beside ``result.json``.

    Attributes:
        filename: an image that is shown several times has one file and several entries.
        category: ``screenshot`` of a whole page, ``embedded`` in the document, or cut out of a page
            by what its ``layout`` was found to be.
        page_number: None where the format does not say.
        width: in pixels.
        size_bytes: of the file.
        bbox: where it is on its page; None for screenshots, and where the engine does not say.
    """

    model_config = ConfigDict(frozen=True)

    filename: str
    category: Literal["screenshot", "embedded", "layout"]
    content_type: str
    page_number: int | None = None
    width: int | None = None
    height: int | None = None
    size_bytes: int = 0
    bbox: Box | None = None


class ParsedPage(BaseModel):
    """One page of a parse result; a failed page keeps its number and says why.

    Attributes:
        page_number: from 1.
        markdown: the page as Markdown; empty when it failed.
        text: the page as plain text in reading order.
        width: in points; None where the format has no pages of a fixed size.
        ocr: whether the text was recognised from an image.
        items: layout elements with boxes, where the engine gives them.
        header: running lines above the page's body, when they were asked for or hidden.
        footer: those below it.
        confidence: of recognised text, 0..1; None for text that was read.
        printed_page_number: the page's number as its reader sees it.
        speaker_notes: of a slide.
        section_name: of the part of a presentation that a slide belongs to.
    """

    model_config = ConfigDict(frozen=True)

    page_number: int
    success: bool = True
    markdown: str = ""
    text: str = ""
    width: float | None = None
    height: float | None = None
    ocr: bool = False
    error: str | None = None
    items: list[dict[str, Any]] = Field(default_factory=list)
    header: str | None = None
    footer: str | None = None
    confidence: float | None = None
    printed_page_number: str | None = None
    speaker_notes: str | None = None
    section_name: str | None = None


class ParseResult(BaseModel):
    """The result of one parse, as written to ``result.json``.

    Attributes:
        pages_total: pages that were asked for; always ok + failed.
        document_pages: pages that the document has.
        metadata: title, author, dates and the like, as the document states them.
        warnings: what is not in the result, or may be wrong in it; an engine may give plain
            sentences, which become ``engine_note``.
        timings: seconds by step.
        files: sha256 of each file beside ``result.json``, by name, so that the hash of that one
            file covers them all.
        images: what was saved of the document's images; each file is one of ``files``.
        joining: what stands between and around the pages of the whole.
        usage: what a remote engine counted; empty for local ones.
        inventory: what the source holds beside plain body text, as the engine counted it:
            ``comments``, ``footnotes``, ``attachments`` … What is in it and not in the result is
            named in ``warnings``.
    """

    schema_version: int = 1
    product: str = "parse"
    engine: str
    engine_version: str
    media_type: str
    pages_total: int
    pages_ok: int
    pages_failed: int
    partial: bool = False
    document_pages: int | None = None
    pages: list[ParsedPage]
    metadata: dict[str, Any] = Field(default_factory=dict)
    warnings: Warnings = Field(default_factory=list)
    timings: dict[str, float] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)
    images: list[ParsedImage] = Field(default_factory=list)
    joining: Joining = Joining()
    usage: dict[str, int] = Field(default_factory=dict)
    inventory: dict[str, int] = Field(default_factory=dict)


class Engine(Protocol):
    """Turns a file into a result. Runs in a child process that may be killed at any moment.

    Attributes:
        name: one word.
        version: changes whenever the same bytes may give another result.
        media_types: what it reads.
        honours: dotted paths of the parameters that it honours, beyond those that are honoured
            for every engine; the result warns about all others.

    An engine may also have ``extensions``: a dict from file endings (``.srt``, lower case) to
    media types, for formats that Docmill itself does not recognise by their content.
    """

    name: str
    version: str
    media_types: frozenset[str]
    honours: frozenset[str]

    def run(self, document: Document, parameters: dict[str, Any], limits: Limits) -> ParseResult:
        """Work on one document.

        Raises:
            ItemFailure: with the class that fits; anything else becomes ``engine_error``.
        """
        ...


@runtime_checkable
class CountsPages(Protocol):
    """An engine that can tell the number of pages quickly, before it works on them."""

    def count_pages(self, document: Document) -> int:
        """Return how many pages a document has.

        Raises:
            ItemFailure: it cannot be opened.
        """
        ...


@dataclass(frozen=True, slots=True)
class Slice:
    """Pages of a large document that one run of an engine reads.

    Attributes:
        pages: their numbers, in order.
        recognise: whether text is recognised on them; else their text layers are read.
    """

    pages: tuple[int, ...]
    recognise: bool


@dataclass(frozen=True, slots=True)
class SliceReport:
    """What a run says that read a slice instead of the whole document.

    Attributes:
        asked: all pages that were asked for, such as ``1-400``.
        recognise: those of the slice whose text is still to be recognised, likewise.
    """

    asked: str
    recognise: str = ""


@dataclass(frozen=True, slots=True)
class EngineTask:
    """One run of an engine in a child process: what crosses the pipe to it.

    Attributes:
        product: ``parse``, ``classify`` or ``extract``.
        document: absolute path of the input.
        name: its name for people.
        output_dir: an existing empty folder for ``result.json`` and the files beside it.
        parameters: the product's parameters.
        slice: the pages to read; None for the whole document.
        parts: absolute paths of what was read of all its slices, to be joined: text layers first.
    """

    product: str
    document: str
    name: str
    output_dir: str
    parameters: dict[str, Any] = field(default_factory=dict)
    limits: Limits = Limits()
    slice: Slice | None = None
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineReport:
    """What comes back over the pipe: facts about the result, never the result itself.

    Attributes:
        files: names of the files written to ``output_dir``.
        usage: what a remote engine counted, by name: ``requests``, ``input_tokens`` …; empty for
            local ones.
        slice: set when ``output_dir`` holds what was read of a slice, and no result.
    """

    engine: str
    engine_version: str
    media_type: str
    pages_total: int
    pages_ok: int
    pages_failed: int
    partial: bool
    warnings: list[ResultWarning] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    usage: dict[str, int] = field(default_factory=dict)
    slice: SliceReport | None = None
