"""Parsing of PDFs and images by LiteParse (pdfium and Tesseract, both inside its wheel)."""

import json
import tempfile
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docmill.contracts.media_types import IMAGES, PAGED, Media, extension_of
from docmill.contracts.warnings import ResultWarning, WarningCode, warning
from docmill.engines import parameters
from docmill.engines.accounting import check_page_limit
from docmill.engines.attachments import WORDS_FILE
from docmill.engines.base import Document, Limits, ParseResult, Slice
from docmill.engines.images import Album
from docmill.engines.liteparse import native
from docmill.engines.liteparse.pages import word_boxes
from docmill.engines.liteparse.reader import LiteParseReader
from docmill.engines.liteparse.slices import joined
from docmill.engines.parameters import ParseRequest
from docmill.engines.slices import TEXT_PAGES, SlicePart
from docmill.errors import FailureClass, ItemFailure

if TYPE_CHECKING:
    import liteparse

_BIG_TIFF = "No engine reads this kind of BigTIFF. Save it as an ordinary TIFF, or as PDF."


_LOADED_LATE = (
    "liteparse.parser",
    "pypdfium2",
    "docmill.engines.liteparse.images",
)
"""Modules that only a process with documents needs: the worker and commands never load them."""


class LiteParseEngine:
    """Reads text layers, tables and layout; recognises text on pages without a text layer."""

    name = "liteparse"
    version = version("liteparse")
    media_types: frozenset[str] = PAGED
    honours = frozenset(
        {
            parameters.DISABLE_OCR,
            parameters.OCR_LANGUAGES,
            parameters.CROP_BOX,
            parameters.SKIP_DIAGONAL_TEXT,
            parameters.KEEP_SMALL_TEXT,
            parameters.IGNORE_TEXT_IN_IMAGES,
            parameters.ANNOTATE_LINKS,
            parameters.HIDE_HEADERS,
            parameters.HIDE_FOOTERS,
            parameters.PRINTED_PAGE_NUMBER,
            parameters.SCREENSHOTS,
            parameters.EMBEDDED_IMAGES,
            parameters.FAIL_ON_IMAGE,
            parameters.WORDS,
        }
    )

    def preload(self) -> None:
        """Import what the first document would, once for all processes that are forked later."""
        for module in _LOADED_LATE:
            import_module(module)

    def run(self, document: Document, parameters: dict[str, Any], limits: Limits) -> ParseResult:
        """Parse a PDF or an image.

        The text layers are read first. Text recognition costs a hundred times as much, and runs
        only on pages without text, or with too little of it.

        Raises:
            ItemFailure: ENCRYPTED, CORRUPT, TOO_MANY_PAGES, OUT_OF_MEMORY or PAGES_FAILED.
        """
        whole = replace(limits, slice_from_pages=0, slice_from_ocr_pages=0)
        found = self.begin(document, parameters, whole)
        assert isinstance(found, ParseResult), "without these limits no document is large"
        return found

    def begin(
        self, document: Document, parameters: dict[str, Any], limits: Limits
    ) -> ParseResult | SlicePart:
        """Parse a document or, if it is large, read its first text layers.

        Raises:
            ItemFailure: as `run`.
        """
        try:
            return _begun(document, parameters, limits)
        except ItemFailure as failure:
            if failure.failure_class is not FailureClass.CORRUPT or (
                document.media_type not in IMAGES
            ):
                raise
            # An image format that LiteParse does not support, such as a TIFF with a palette.
            return _begun(document, parameters, limits, converted=True)

    def read_slice(
        self, document: Document, parameters: dict[str, Any], limits: Limits, wanted: Slice
    ) -> SlicePart:
        """Read a slice of a document.

        Raises:
            ItemFailure: as `run`.
        """
        request = ParseRequest.read(parameters)
        with _source(document, request, limits, wanted=wanted.pages) as (path, _):
            reader = LiteParseReader(path, document, parameters, limits)
            part = reader.read_text(wanted.pages)
            if wanted.recognise:
                part = reader.recognise(part)
            part.timings = reader.clock.seconds
            return part

    def join(
        self,
        document: Document,
        parameters: dict[str, Any],
        limits: Limits,
        parts: Iterable[SlicePart],
    ) -> ParseResult:
        """Join the parts of all slices to the result of a document."""
        return joined(parts, document, parameters, _IDENTITY)

    def count_pages(self, document: Document) -> int:
        """Return the number of pages of a document, reading only the first page.

        Raises:
            ItemFailure: ENCRYPTED, CORRUPT or OUT_OF_MEMORY.
        """
        if document.media_type == Media.TIFF:
            from docmill.engines import pictures  # loaded late, as in `_source`

            return pictures.look_at(document.path, Media.TIFF).pages
        with _named(document) as path:
            return native.count_pages(path)


_IDENTITY = (LiteParseEngine.name, LiteParseEngine.version)


def _begun(
    document: Document, given: dict[str, Any], limits: Limits, *, converted: bool = False
) -> ParseResult | SlicePart:
    request = ParseRequest.read(given)
    with _source(document, request, limits, converted=converted) as (path, warnings):
        reader = LiteParseReader(path, document, given, limits)
        first = reader.begin()
        first.warnings = [*warnings, *first.warnings]
        if not reader.keeps and _is_large(first, limits):
            first.timings = reader.clock.seconds
            return first
        parts = [first, *reader.rest(first)]
        first.timings = reader.clock.seconds
        result = joined(parts, document, given, _IDENTITY)
        return _with_files(result, reader, document, given, limits)


@contextmanager
def _source(
    document: Document,
    request: ParseRequest,
    limits: Limits,
    *,
    converted: bool = False,
    wanted: Container[int] | None = None,
) -> Iterator[tuple[Path, list[ResultWarning]]]:
    """Yield the file for LiteParse, and warnings about content that it lacks.

    Args:
        document: the input.
        request: the parse request.
        limits: limits of the run.
        converted: whether an image has to be converted.
        wanted: numbers of the pages to read; None for all.
    """
    if document.media_type not in IMAGES:
        with _named(document) as path:
            yield path, []
        return
    from docmill.engines import pictures  # loaded only for images

    picture = pictures.look_at(document.path, Media(document.media_type))
    check_page_limit(picture.pages, request.pages, limits)
    with tempfile.TemporaryDirectory() as folder, _named(document) as named:
        path, unread = Path(folder, "frames.pdf"), picture.unread
        plain = picture.plain and not converted
        readable = plain or pictures.as_pdf(document.path, path, wanted)
        if not readable and pictures.is_big_tiff(document.path):
            raise ItemFailure(FailureClass.UNSUPPORTED_TYPE, _BIG_TIFF)
        if plain or not readable:
            path, unread = named, unread + picture.pages - 1
        message = f"The picture has {unread + 1} frames; only the first was read."
        yield path, [warning(WarningCode.FRAMES_NOT_READ, message)] if unread else []


@contextmanager
def _named(document: Document) -> Iterator[Path]:
    """Yield a path of the document that LiteParse can open.

    LiteParse depends on the extension, and cannot open names that are not UTF-8.
    """
    extension = extension_of(Media(document.media_type))
    # Surrogates for bytes that are not UTF-8 are not printable.
    if document.path.suffix == extension and str(document.path).isprintable():
        yield document.path
        return
    with tempfile.TemporaryDirectory() as folder:
        alias = Path(folder, f"document{extension}")
        alias.symlink_to(document.path)
        yield alias


def _is_large(first: SlicePart, limits: Limits) -> bool:
    """Return whether a document has to be read in slices, given its first text layers."""
    pages, ocr_pages = limits.slice_from_pages, limits.slice_from_ocr_pages
    return bool(
        (pages and len(first.asked) > max(pages, TEXT_PAGES))
        or (ocr_pages and len(first.recognise) > ocr_pages)
    )


def _with_files(
    result: ParseResult,
    reader: LiteParseReader,
    document: Document,
    given: dict[str, Any],
    limits: Limits,
) -> ParseResult:
    """Save the requested images and words; return the result with their names.

    Raises:
        ItemFailure: CORRUPT when an image cannot be saved and the request requires all images.
    """
    folder = document.output_dir
    if folder is None or not reader.keeps:
        return result
    asked = frozenset(parameters.requested(given))
    album = Album(folder, limits.output_bytes)
    warnings: list[ResultWarning] = []
    if asked & {parameters.SCREENSHOTS, parameters.EMBEDDED_IMAGES}:
        warnings = _save_images(reader, album, asked)
    pages = [reader.kept[number] for number in sorted(reader.kept)]
    files = _save_words(pages, folder) if parameters.WORDS in asked else {}
    return result.model_copy(
        update={
            "images": album.images,
            "files": files,
            "warnings": [*warnings, *result.warnings],
            "timings": reader.clock.seconds,
        }
    )


def _save_images(
    reader: LiteParseReader, album: Album, asked: frozenset[str]
) -> list[ResultWarning]:
    """Save the requested images; return warnings."""
    from docmill.engines.liteparse import images

    undrawn: list[int] = []
    with reader.clock.step("images"):
        images.save_embedded(reader.images, set(reader.kept), album)
        if parameters.SCREENSHOTS in asked:
            undrawn = images.save_screenshots(reader.path, sorted(reader.kept), album)
    failed = reader.image_errors + len(undrawn)
    message = f"{failed} images cannot be extracted."
    if failed and parameters.FAIL_ON_IMAGE in asked:
        raise ItemFailure(FailureClass.CORRUPT, message)
    unsaved = [warning(WarningCode.IMAGES_NOT_SAVED, message)] if failed else []
    return [*unsaved, *album.warnings]


def _save_words(pages: "list[liteparse.ParsedPage]", folder: Path) -> dict[str, str]:
    """Write all words with their boxes; return the name and the hash of the file."""
    with (folder / WORDS_FILE).open("w", encoding="utf-8") as file:
        for word in chain.from_iterable(map(word_boxes, pages)):
            file.write(json.dumps(word, ensure_ascii=False) + "\n")
    return {WORDS_FILE: ""}
