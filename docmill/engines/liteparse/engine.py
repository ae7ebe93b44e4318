"""PDF and images by LiteParse (pdfium and Tesseract, both inside its wheel)."""

import json
import tempfile
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
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


class LiteParseEngine:
    """Reads text layers, tables and layout; recognises pages that have no text."""

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

    def run(self, document: Document, parameters: dict[str, Any], limits: Limits) -> ParseResult:
        """Parse a PDF or an image.

        The text layer is read first; text is recognised on pages alone that have none, or a part
        of it, because recognition costs a hundred times as much.

        Raises:
            ItemFailure: ENCRYPTED, CORRUPT, TOO_MANY_PAGES, OUT_OF_MEMORY or PAGES_FAILED.
        """
        whole = replace(limits, slice_from_pages=0, slice_from_ocr_pages=0)
        found = self.begin(document, parameters, whole)
        assert isinstance(found, ParseResult), "nothing is large without these limits"
        return found

    def begin(
        self, document: Document, parameters: dict[str, Any], limits: Limits
    ) -> ParseResult | SlicePart:
        """Parse a document, or read the first text layers of a large one.

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
            # A kind of picture that LiteParse does not know, such as a TIFF with a palette.
            return _begun(document, parameters, limits, converted=True)

    def read_slice(
        self, document: Document, parameters: dict[str, Any], limits: Limits, wanted: Slice
    ) -> SlicePart:
        """Read a part of a document.

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
        """Return the result of a document whose parts were read."""
        return joined(parts, document, parameters, _IDENTITY)

    def count_pages(self, document: Document) -> int:
        """Return how many pages a document has; only its first is read.

        Raises:
            ItemFailure: ENCRYPTED, CORRUPT or OUT_OF_MEMORY.
        """
        if document.media_type == Media.TIFF:
            from docmill.engines import pictures  # as in `_source`

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
    """Give what LiteParse is to read, and what it does not have of the document.

    Args:
        document: the file.
        request: what was asked for.
        limits: of the run.
        converted: whether a picture is not read as it is.
        wanted: numbers of the pages that are read; None for all.
    """
    if document.media_type not in IMAGES:
        with _named(document) as path:
            yield path, []
        return
    from docmill.engines import pictures  # a child without pictures needs none

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
    """Give a document under a name that LiteParse opens.

    It goes by the extension, and cannot open names that are not UTF-8.
    """
    extension = extension_of(Media(document.media_type))
    # The stand-ins for bytes that are not UTF-8 are not printable.
    if document.path.suffix == extension and str(document.path).isprintable():
        yield document.path
        return
    with tempfile.TemporaryDirectory() as folder:
        alias = Path(folder, f"document{extension}")
        alias.symlink_to(document.path)
        yield alias


def _is_large(first: SlicePart, limits: Limits) -> bool:
    """Whether a document, of which the first text layers were read, is to be read in slices."""
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
    """Save the images and words that were asked for, and return the result that names them.

    Raises:
        ItemFailure: CORRUPT when an image cannot be saved and the request wants that to fail.
    """
    folder = document.output_dir
    if folder is None or not reader.keeps:
        return result
    asked = frozenset(parameters.asked(given))
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
    """Save the images that were asked for; return what a reader should know."""
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
    """Write all words with their boxes; name the file."""
    with (folder / WORDS_FILE).open("w", encoding="utf-8") as file:
        for word in chain.from_iterable(map(word_boxes, pages)):
            file.write(json.dumps(word, ensure_ascii=False) + "\n")
    return {WORDS_FILE: ""}
