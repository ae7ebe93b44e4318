"""PDF and images by LiteParse (pdfium and Tesseract, both inside its wheel)."""

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docmill.contracts.warnings import ResultWarning, WarningCode, warning
from docmill.engines import ocr_languages, parameters, tiff
from docmill.engines.accounting import check_page_limit
from docmill.engines.base import Document, Limits, ParsedImage, ParsedPage, ParseResult
from docmill.engines.beside import WORDS_FILE
from docmill.engines.clock import Clock
from docmill.engines.images import Album
from docmill.engines.liteparse_pages import read_page, words_of
from docmill.engines.media import PAGED, Media, extension_of
from docmill.engines.parameters import ParseRequest
from docmill.engines.selection import as_target_pages
from docmill.errors import FailureClass, ItemFailure

if TYPE_CHECKING:
    import liteparse

_TEXTLESS_REASONS = frozenset({"no-text", "scanned", "garbled"})
"""LiteParse's words for pages whose text layer is missing or unusable."""

_ENCRYPTED = re.compile(r"password|security handler|encrypt", re.I)
_OUT_OF_MEMORY = re.compile(r"out of memory|memory limit|allocation|cannot allocate", re.I)


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

        The text layer is read first, for all pages; only pages without a usable one are then
        recognised, because recognition costs a hundred times as much.

        Raises:
            ItemFailure: ENCRYPTED, CORRUPT, TOO_MANY_PAGES, OUT_OF_MEMORY or PAGES_FAILED.
        """
        with _alias(document) as path:
            return _Parse(path, document, parameters, limits).result()

    def count_pages(self, document: Document) -> int:
        """Return how many pages a document has; only its first is read.

        Raises:
            ItemFailure: ENCRYPTED, CORRUPT or OUT_OF_MEMORY.
        """
        import liteparse  # noqa: PLC0415 - as in `_Parse`

        parser = liteparse.LiteParse(ocr_enabled=False, quiet=True, max_pages=1)
        with _alias(document) as path:
            try:
                return int(parser.parse(path).total_pages)
            except liteparse.ParseError as error:
                raise _failure_of(str(error)) from None


@contextmanager
def _alias(document: Document) -> Iterator[Path]:
    """LiteParse goes by the extension, and it cannot open names that are not UTF-8."""
    with tempfile.TemporaryDirectory() as folder:
        alias = Path(folder, "document" + extension_of(Media(document.media_type)))
        alias.symlink_to(document.path)
        yield alias


class _Parse:
    """One document on its way through LiteParse."""

    def __init__(
        self, path: Path, document: Document, given: dict[str, Any], limits: Limits
    ) -> None:
        self._path = path
        self._media = Media(document.media_type)
        self._output = document.output_dir
        self._given = given
        self._asked = frozenset(parameters.asked(given)) if document.output_dir else frozenset()
        self._request = ParseRequest.read(given)
        self._options = _options(given)
        self._languages = ocr_languages.choose(_asked_languages(given))
        self._limits = limits
        self._warnings = list(self._frame_warnings())
        self._clock = Clock()

    def result(self) -> ParseResult:
        native = self._read_text_layers()
        asked = check_page_limit(native.total_pages, self._request.pages, self._limits)
        pages = {page.page_num: page for page in native.pages}
        errors = {error.page_num: error.message for error in native.page_errors}
        textless = [n for n in asked if n in pages and _is_textless(pages[n])]
        pages |= self._recognise(textless)
        self._warn_of_empty([n for n in textless if not pages[n].text.strip()])
        read = [n for n in asked if n in pages]
        names = _file_names(native)
        found = [
            read_page(pages[n], self._given, names) if n in pages else _failed(n, errors.get(n))
            for n in asked
            if n in pages or n in errors
        ]
        failed = sum(not page.success for page in found)
        return ParseResult(
            engine=LiteParseEngine.name,
            engine_version=LiteParseEngine.version,
            media_type=self._media,
            pages_total=len(found),
            pages_ok=len(found) - failed,
            pages_failed=failed,
            document_pages=native.total_pages,
            pages=found,
            metadata=_metadata(native),
            images=self._save_images(native, read),
            files=self._save_words([pages[n] for n in read]),
            warnings=self._warnings,
            timings=self._clock.seconds,
        )

    def _save_images(self, native: "liteparse.ParseResult", read: list[int]) -> list[ParsedImage]:
        """Save the images that were asked for.

        Raises:
            ItemFailure: CORRUPT when one cannot be saved and the request wants that to fail.
        """
        wanted = self._asked & {parameters.SCREENSHOTS, parameters.EMBEDDED_IMAGES}
        if self._output is None or not wanted:
            return []
        from docmill.engines import liteparse_images  # noqa: PLC0415 - it loads LiteParse

        album = Album(self._output, self._limits.output_bytes)
        undrawn: list[int] = []
        with self._clock.step("images"):
            liteparse_images.save_embedded(native.images, set(read), album)
            if parameters.SCREENSHOTS in wanted:
                undrawn = liteparse_images.save_screenshots(self._path, read, album)
        failed = native.image_error_count + len(undrawn)
        if failed and parameters.FAIL_ON_IMAGE in self._asked:
            raise ItemFailure(FailureClass.CORRUPT, f"{failed} images cannot be extracted.")
        if failed:
            message = f"{failed} images cannot be extracted."
            self._warnings.append(warning(WarningCode.IMAGES_NOT_SAVED, message))
        self._warnings += album.warnings
        return album.images

    def _save_words(self, pages: "list[liteparse.ParsedPage]") -> dict[str, str]:
        """Write all words with their boxes; name the file."""
        if self._output is None or parameters.WORDS not in self._asked:
            return {}
        with (self._output / WORDS_FILE).open("w", encoding="utf-8") as file:
            for word in chain.from_iterable(map(words_of, pages)):
                file.write(json.dumps(word, ensure_ascii=False) + "\n")
        return {WORDS_FILE: ""}

    def _read_text_layers(self) -> "liteparse.ParseResult":
        selection = self._request.pages
        limit = self._limits.pages if selection.max_pages is None else selection.max_pages
        options: dict[str, Any] = {"max_pages": min(limit, self._limits.pages)}
        if selection.ranges:
            # Numbers behind the last page are ignored, so the count need not be known yet.
            options = {"target_pages": as_target_pages(selection.of(2**31, self._limits.pages))}
        options["extract_images"] = parameters.EMBEDDED_IMAGES in self._asked
        with self._clock.step("text_layer"):
            return self._parse(ocr_enabled=False, include_complexity=True, **options)

    def _recognise(self, numbers: list[int]) -> dict[int, "liteparse.ParsedPage"]:
        """Return the pages ``numbers`` again, with the text of their images."""
        if not numbers or not self._request.ocr or self._languages.codes is None:
            return {}
        with self._clock.step("ocr"):
            native = self._parse(
                ocr_enabled=True,
                ocr_language=self._languages.codes,
                tessdata_path=str(ocr_languages.data_folder()),
                ocr_failure_fatal=False,
                num_workers=1,  # one child process is one slot; the machine is shared by slots
                target_pages=as_target_pages(numbers),
            )
        return {page.page_num: page for page in native.pages if page.text.strip()}

    def _parse(self, **options: Any) -> "liteparse.ParseResult":
        import liteparse  # noqa: PLC0415 - a child that never sees a PDF never loads pdfium

        parser = liteparse.LiteParse(
            output_format="markdown",
            continue_on_page_error=True,
            extract_blocks=True,
            extract_document_metadata=True,
            quiet=True,
            **self._options,
            **options,
        )
        try:
            return parser.parse(self._path)
        except liteparse.ParseError as error:
            raise _failure_of(str(error)) from None

    def _warn_of_empty(self, numbers: list[int]) -> None:
        if self._languages.missing and self._request.ocr:
            missing = ", ".join(self._languages.missing)
            message = f"There is no OCR data for the language {missing} here."
            self._warnings.append(warning(WarningCode.OCR_UNAVAILABLE, message))
        if not numbers:
            return
        off = not self._request.ocr or self._languages.codes is None
        why = "OCR was off" if off else "OCR found none either"
        self._warnings += [
            warning(WarningCode.PAGE_WITHOUT_TEXT, f"No text on page {number}: {why}.", number)
            for number in numbers
        ]

    def _frame_warnings(self) -> Iterator[ResultWarning]:
        if self._media is Media.TIFF and (frames := tiff.count_frames(self._path)) > 1:
            message = f"The TIFF has {frames} frames; only the first was read."
            yield warning(WarningCode.FRAMES_NOT_READ, message)


def _is_textless(page: "liteparse.ParsedPage") -> bool:
    reasons = page.complexity.reasons if page.complexity else ()
    return not page.text.strip() or not _TEXTLESS_REASONS.isdisjoint(reasons)


def _file_names(native: "liteparse.ParseResult") -> dict[str, str]:
    from docmill.engines.liteparse_images import file_names  # noqa: PLC0415 - it loads LiteParse

    return file_names(native.images)


def _failed(number: int, message: str | None) -> ParsedPage:
    return ParsedPage(page_number=number, success=False, error=message or "no reason given")


def _asked_languages(given: dict[str, Any]) -> list[str]:
    languages = dict(parameters.leaves(given)).get(parameters.OCR_LANGUAGES, [])
    return [str(language) for language in languages]


def _options(given: dict[str, Any]) -> dict[str, Any]:
    """The parameters that LiteParse takes just as they are."""
    found = dict(parameters.leaves(given))
    options: dict[str, Any] = {}
    if parameters.SKIP_DIAGONAL_TEXT in found:
        options["skip_diagonal_text"] = True
    if parameters.WORDS in parameters.asked(given):
        options["emit_word_boxes"] = True
    markdown = (given.get("output_options") or {}).get("markdown") or {}
    if markdown.get("annotate_links") is False:
        options["extract_links"] = False
    if parameters.KEEP_SMALL_TEXT in found:
        options["preserve_very_small_text"] = True
    crop = given.get(parameters.CROP_BOX) or {}
    sides = tuple(float(crop.get(side) or 0) for side in ("top", "right", "bottom", "left"))
    return options | ({"crop_box": sides} if any(sides) else {})


def _metadata(native: "liteparse.ParseResult") -> dict[str, Any]:
    stated = native.doc_meta
    found = {
        "creator": native.creator,
        "producer": native.producer,
        "created_at": stated.creation_date if stated else None,
        "modified_at": stated.mod_date if stated else None,
    }
    return {name: value for name, value in found.items() if value}


def _failure_of(message: str) -> ItemFailure:
    if _ENCRYPTED.search(message):
        return ItemFailure(FailureClass.ENCRYPTED)
    if _OUT_OF_MEMORY.search(message):
        return ItemFailure(FailureClass.OUT_OF_MEMORY)
    return ItemFailure(FailureClass.CORRUPT, f"The file cannot be read: {message}.")
