"""Protocol of engines, and the models of their results."""

import errno
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from docmill.contracts.warnings import ResultWarning, Warnings
from docmill.errors import FailureClass, ItemFailure

INLINE_BYTES = 256 * 1024
"""Maximum bytes of a document, and of the files of a result, that are passed in messages. Larger
ones are copied between folders: a pipe takes 64 KiB at a time."""
RESULT_FILE = "result.json"
"""Output file of a run that reads a whole document."""
SLICE_FILE = "slice.json"
"""Output file of a run that reads a slice: a `docmill.engines.slices.SlicePart`."""
PAGE_NUMBER = "{pageNumber}"
"""Placeholder for the page number in a `Joining`, as in LlamaParse's v1."""
_SOURCE_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Whoever may write to a source folder can replace a document by a pipe or a link at any moment."""


class Joining(BaseModel):
    """Text between and around the pages of a document.

    Attributes:
        separator: text between two pages, with the number of the second; None means the default of
            the caller.
        prefix: text before each page.
        suffix: text after each page.
    """

    model_config = ConfigDict(frozen=True)

    separator: str | None = None
    prefix: str = ""
    suffix: str = ""

    def join(self, pages: Iterable[tuple[int, str]], default: str) -> str:
        """Join pages to one text.

        Args:
            pages: number and text of each.
            default: separator if none was requested.
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


class Profile(StrEnum):
    """What an engine needs beyond reading its document; its attribute ``sandbox`` names it."""

    STRICT = "strict"
    """No program and no further process. The default."""
    PROGRAMS = "programs"
    """It starts programs of the system, which are confined as it is. Each may signal what Landlock
    lets it (ABI 6), and on older kernels every process of its user."""


def profile_of(engine: object) -> Profile:
    """Return the profile that an engine asks for.

    Raises:
        ValueError: there is no such profile.
    """
    return Profile(getattr(engine, "sandbox", Profile.STRICT))


@dataclass(frozen=True, slots=True)
class Document:
    """A file to parse.

    Attributes:
        path: a readable local file.
        name: display name; its extension is a hint, the content decides.
        media_type: media type that `docmill.engines.detect` found.
        output_dir: folder in which the engine may write images and other files that its result
            names; None when only the result is needed.
        counted: callback for the number of pages, and of pages with text recognition, before the
            expensive part; the time limit grows with both.
    """

    path: Path
    name: str
    media_type: str
    output_dir: Path | None = None
    counted: Callable[[int, int], None] = lambda _pages, _ocr_pages: None


@dataclass(frozen=True, slots=True)
class Limits:
    """Resource limits of one run of an engine.

    Attributes:
        seconds: wall clock, without the time that each page adds.
        seconds_per_page: time that each requested page adds.
        seconds_per_ocr_page: additional time for each page with text recognition.
        count_from_bytes: minimum size of a file whose pages are counted in advance; smaller files
            have ``seconds``.
        most_seconds: maximum wall clock for any number of pages; None for no maximum.
        memory_bytes: address space of the child process.
        output_bytes: size of the largest output file.
        folder_bytes: total size of all output files.
        folder_files: number of output files and folders.
        pages: pages of one file.
        cells: cells of all tables of one file.
        html_bytes: size of one HTML page.
        unpacked_bytes: unpacked size of one packed file (Office, EPUB).
        slice_from_pages: number of requested pages above which a document is read in slices, if the
            engine supports it; 0 reads every document in one run.
        slice_from_ocr_pages: the same for pages with text recognition.
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
        """Return the time limit of a document in seconds.

        Args:
            pages: number of requested pages.
            ocr_pages: number of those with text recognition.
        """
        of_pages = self.seconds_per_page * pages + self.seconds_per_ocr_page * ocr_pages
        total = self.seconds + of_pages
        return total if self.most_seconds is None else min(total, self.most_seconds)


class Box(BaseModel):
    """An area of a page, in points from its top left corner."""

    model_config = ConfigDict(frozen=True)

    x: float
    y: float
    w: float
    h: float


class ParsedImage(BaseModel):
    """An image of a document. Its file is next to ``result.json``.

    Attributes:
        filename: name of the file; an image that is shown several times has one file and several
            entries.
        category: ``screenshot`` of a whole page, ``embedded`` in the document, or ``layout`` for an
            element that was cut out of a page.
        page_number: None where the format does not say.
        width: in pixels.
        size_bytes: of the file.
        bbox: position on its page; None for screenshots, and if the engine does not report it.
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
    """One page of a parse result. A failed page has its number and an error.

    Attributes:
        page_number: from 1.
        markdown: the page as Markdown; empty when it failed.
        text: the page as plain text in reading order.
        width: in points; None if the format has no fixed page size.
        ocr: whether the text was recognised from an image.
        items: layout elements with boxes, if the engine reports them.
        header: running lines above the body, when requested or hidden from the page.
        footer: running lines below the body.
        confidence: confidence of recognised text, 0..1; None for other text.
        printed_page_number: page number that is printed on the page.
        speaker_notes: notes of a slide.
        section_name: section of the presentation to which the slide belongs.
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
        pages_total: number of requested pages; always ok + failed.
        document_pages: number of pages of the document.
        metadata: title, author, dates and other properties that the document states.
        warnings: missing or doubtful content; plain sentences of an engine become
            ``engine_note``.
        timings: seconds by step.
        files: sha256 of each file next to ``result.json``, by name, so that the hash of
            ``result.json`` covers all files.
        images: saved images of the document; each file is in ``files``.
        joining: text between and around pages of the whole document.
        usage: counters of a remote engine; empty for local engines.
        inventory: number of parts outside the body text, as counted by the engine: ``comments``,
            ``footnotes``, ``attachments`` … Parts that are missing in the result are named in
            ``warnings``.
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
    """Converts a file to a result, in a child process that may be killed at any moment.

    Attributes:
        name: one word.
        version: changes whenever the result for the same bytes may change.
        media_types: supported media types.
        honours: dotted paths of supported parameters, beyond those that Docmill handles for every
            engine; the result has a warning for each other parameter.

    An engine may also have ``extensions``: a dict from file extensions (``.srt``, lower case) to
    media types, for formats that Docmill does not recognise by their content.
    """

    name: str
    version: str
    media_types: frozenset[str]
    honours: frozenset[str]

    def run(self, document: Document, parameters: dict[str, Any], limits: Limits) -> ParseResult:
        """Parse one document.

        Raises:
            ItemFailure: with a failure class; other exceptions become ``engine_error``.
        """
        ...


@runtime_checkable
class Preloads(Protocol):
    """An engine that can import beforehand what its first document would."""

    def preload(self) -> None:
        """Import modules; start no thread, for processes are forked afterwards."""
        ...


@runtime_checkable
class CountsPages(Protocol):
    """An engine that can count pages quickly, before it parses them."""

    def count_pages(self, document: Document) -> int:
        """Return how many pages a document has.

        Raises:
            ItemFailure: the document cannot be opened.
        """
        ...


@dataclass(frozen=True, slots=True)
class Slice:
    """The pages of a large document that one run reads.

    Attributes:
        pages: page numbers in order.
        recognise: whether to recognise text on them, instead of reading their text layers.
    """

    pages: tuple[int, ...]
    recognise: bool


@dataclass(frozen=True, slots=True)
class SliceReport:
    """Report of a run that read a slice of a document.

    Attributes:
        asked: all requested pages of the document, such as ``1-400``.
        recognise: pages of the slice that still need text recognition, in the same notation.
    """

    asked: str
    recognise: str = ""


@dataclass(frozen=True, slots=True)
class EngineTask:
    """One run of an engine: the message to the child process.

    Attributes:
        product: ``parse``, ``classify`` or ``extract``.
        document: absolute path of the input.
        name: display name of the input.
        output_dir: folder for ``result.json`` and its attachments; missing or empty.
        parameters: parameters of the product.
        slice: the pages to read; None for the whole document.
        parts: absolute paths of the results of all slices, to be joined: text layers first.
        file_state: `file_state` of the document when it was hashed; None accepts any regular file.
        content: bytes of a small input that are in memory already; None to read ``document``.
        inline: whether the report may have the output files in memory, if they are small.
        traceparent: the worker's span of this run, as W3C Trace Context; None without tracing. The
            engine finds it in the variable ``TRACEPARENT``.
    """

    product: str
    document: str
    name: str
    output_dir: str
    parameters: dict[str, Any] = field(default_factory=dict)
    limits: Limits = Limits()
    slice: Slice | None = None
    parts: tuple[str, ...] = ()
    file_state: str | None = None
    content: bytes | None = None
    inline: bool = False
    traceparent: str | None = None


def file_state(status: os.stat_result) -> str:
    """Return which file this is, and its size and times, as one string."""
    identity = f"{status.st_dev}-{status.st_ino}"
    return f"{identity}-{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"


def open_regular(path: str, expected: str | None) -> int:
    """Open a regular file for reading, and return its descriptor.

    Args:
        path: the file. A link that took its place is not followed, and a pipe does not block.
        expected: its `file_state`; None accepts any regular file.

    Raises:
        ItemFailure: SOURCE_CHANGED, another file is at the path now.
        OSError: it cannot be opened.
    """
    try:
        descriptor = os.open(path, _SOURCE_FILE)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _replaced() from None
        raise
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or expected not in (None, file_state(status)):
        os.close(descriptor)
        raise _replaced()
    return descriptor


def _replaced() -> ItemFailure:
    return ItemFailure(
        FailureClass.SOURCE_CHANGED,
        "Another file took its place while it was being read.",
        phase="read",
    )


@dataclass(frozen=True, slots=True)
class EngineReport:
    """Report of a run: the message from the child process, without the result itself.

    Attributes:
        files: names of the output files.
        contents: bytes of all output files, if they are small and `EngineTask.inline` is set;
            otherwise empty, and the files are in ``output_dir``.
        usage: counters of a remote engine, such as ``requests`` and ``input_tokens``; empty for
            local engines.
        slice: set when ``output_dir`` holds the part of a slice instead of a result.
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
    contents: dict[str, bytes] = field(default_factory=dict, repr=False)
