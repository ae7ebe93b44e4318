"""PDF and images by LiteParse (pdfium and Tesseract, both inside its wheel)."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docmill.contracts.warnings import ResultWarning, WarningCode, warning
from docmill.engines import liteparse_native, ocr_languages, parameters, pdf_parts
from docmill.engines.accounting import check_page_limit
from docmill.engines.base import Document, Limits, ParsedImage, ParsedPage, ParseResult
from docmill.engines.beside import WORDS_FILE
from docmill.engines.clock import Clock
from docmill.engines.images import Album
from docmill.engines.liteparse_boxes import turn_back
from docmill.engines.liteparse_merge import with_turned_runs
from docmill.engines.liteparse_native import NativeParser
from docmill.engines.liteparse_ocr import (
    COVERED,
    TURNED,
    Pages,
    Recogniser,
    is_stamped_scan,
    may_hide_a_scan,
)
from docmill.engines.liteparse_pages import PageReader, word_boxes
from docmill.engines.media import IMAGES, PAGED, Media, extension_of
from docmill.engines.page_warnings import PageWarnings
from docmill.engines.parameters import ParseRequest
from docmill.engines.selection import as_target_pages
from docmill.engines.text_check import letters_of
from docmill.engines.turning import quarter, turn_of
from docmill.engines.unmapped import is_unreadable
from docmill.errors import FailureClass, ItemFailure

if TYPE_CHECKING:
    import liteparse

_OCR_SHARE = 0.5
"""Share of a file's time after which no more is recognised than pages without text, once each."""
_BIG_TIFF = "No engine reads this kind of BigTIFF. Save it as an ordinary TIFF, or as PDF."
_PUT_BACK = "Text that the layout had left out was put back on {page}."
_UNREADABLE = "The text of {page} has characters without meaning: its fonts do not tell which."


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

        The text layer is read first, for all pages; text is recognised on pages alone that have
        none, or a part of it, because recognition costs a hundred times as much.

        Raises:
            ItemFailure: ENCRYPTED, CORRUPT, TOO_MANY_PAGES, OUT_OF_MEMORY or PAGES_FAILED.
        """
        try:
            return _parsed(document, parameters, limits)
        except ItemFailure as failure:
            if failure.failure_class is not FailureClass.CORRUPT or (
                document.media_type not in IMAGES
            ):
                raise
            # A kind of picture that LiteParse does not know, such as a TIFF with a palette.
            return _parsed(document, parameters, limits, converted=True)

    def count_pages(self, document: Document) -> int:
        """Return how many pages a document has; only its first is read.

        Raises:
            ItemFailure: ENCRYPTED, CORRUPT or OUT_OF_MEMORY.
        """
        if document.media_type == Media.TIFF:
            from docmill.engines import pictures  # noqa: PLC0415 - as in `_source`

            return pictures.look_at(document.path, Media.TIFF).pages
        with _named(document) as path:
            return liteparse_native.count_pages(path)


def _parsed(
    document: Document, given: dict[str, Any], limits: Limits, *, converted: bool = False
) -> ParseResult:
    request = ParseRequest.read(given)
    with _source(document, request, limits, converted=converted) as (path, warnings):
        return _Parse(path, document, given, limits, warnings).result()


@contextmanager
def _source(
    document: Document, request: ParseRequest, limits: Limits, *, converted: bool
) -> Iterator[tuple[Path, list[ResultWarning]]]:
    """Give what LiteParse is to read, and what it does not have of the document."""
    if document.media_type not in IMAGES:
        with _named(document) as path:
            yield path, []
        return
    from docmill.engines import pictures  # noqa: PLC0415 - a child without pictures needs none

    picture = pictures.look_at(document.path, Media(document.media_type))
    check_page_limit(picture.pages, request.pages, limits)
    with tempfile.TemporaryDirectory() as folder, _named(document) as named:
        path, unread = Path(folder, "frames.pdf"), picture.unread
        plain = picture.plain and not converted
        readable = plain or pictures.as_pdf(document.path, path)
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


class _Parse:
    """One document on its way through LiteParse."""

    def __init__(
        self,
        path: Path,
        document: Document,
        given: dict[str, Any],
        limits: Limits,
        warnings: list[ResultWarning],
    ) -> None:
        self._path = path
        self._media = Media(document.media_type)
        self._output = document.output_dir
        self._counted = document.counted
        self._given = given
        self._asked = frozenset(parameters.asked(given)) if document.output_dir else frozenset()
        self._request = ParseRequest.read(given)
        self._languages = ocr_languages.choose(_asked_languages(given))
        self._parser = NativeParser(given, self._languages)
        self._limits = limits
        self._warnings = warnings
        self._about_pages = PageWarnings()
        self._clock = Clock()

    def result(self) -> ParseResult:
        native = self._read_text_layers()
        asked = check_page_limit(native.total_pages, self._request.pages, self._limits)
        wanted = set(asked)
        pages = {page.page_num: page for page in native.pages if page.page_num in wanted}
        inventory = self._inventory(native, pages)
        pages |= self._turned(pages)
        pages |= self._recognised(pages)
        found = self._read_pages(native, pages, asked)
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
            inventory=inventory,
            images=self._save_images(native, sorted(pages)),
            files=self._save_words([pages[n] for n in sorted(pages)]),
            warnings=[*self._warnings, *self._about_pages.all],
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
            for word in chain.from_iterable(map(word_boxes, pages)):
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
        for part in ("form_fields", "annotations", "xfa_packets"):
            options[f"extract_{part}"] = self._media is Media.PDF
        with self._clock.step("text_layer"):
            return self._parser.read(self._path, **options)

    def _turned(self, pages: Pages) -> Pages:
        """Return pages with text that runs sideways or upside down, read in these directions.

        A page of which most text is turned is taken as it reads then; of another one only the
        turned runs are.
        """
        turns = {n: turn_of(page.text_items) for n, page in pages.items()}
        runs = {
            n: {quarter(item) or 0 for item in page.text_items if item.rotation}
            for n, page in pages.items()
        }
        readings: dict[int, Pages] = {n: {0: pages[n]} for n in pages if runs[n] - {0}}
        for turn in (90, 180, 270):
            numbers = [n for n in readings if turn in runs[n]]
            for number, page in self._read_turned(numbers, turn, pages).items():
                readings[number][turn] = page
        self._about_pages.add(WarningCode.PAGE_TURNED, TURNED, *(n for n in turns if turns[n]))
        found = {}
        for number, by_turn in readings.items():
            base = by_turn.pop(turns[number] if turns[number] in by_turn else 0)
            page = replace(
                with_turned_runs(base, by_turn),
                form_fields=pages[number].form_fields,
                annotations=pages[number].annotations,
                complexity=pages[number].complexity,
            )
            found[number] = page
        return found

    def _read_turned(self, numbers: list[int], turn: int, pages: Pages) -> Pages:
        """Return pages as they read when they are turned, with boxes as they lie."""
        if not numbers:
            return {}
        with self._clock.step("text_layer"):
            native = self._parser.read(
                self._path,
                target_pages=as_target_pages(numbers),
                page_orientation_corrections=tuple((n, turn) for n in numbers),
            )
        return {
            page.page_num: turn_back(
                page, turn, pages[page.page_num].width, pages[page.page_num].height
            )
            for page in native.pages
            if page.page_num in pages
        }

    def _recognised(self, pages: Pages) -> Pages:
        """Return the pages that have recognised text, alone or beside their own."""
        textless = [n for n, page in pages.items() if not page.text.strip()]
        found: Pages = {}
        if self._request.ocr and self._languages.codes:
            garbled = {n: page for n, page in pages.items() if is_unreadable(page.text)}
            in_forms = self._scans_in_forms(pages)
            scans = {
                n: page
                for n, page in pages.items()
                if n not in garbled and (n in in_forms or is_stamped_scan(page))
            }
            if count := len(textless) + len(garbled) + len(scans):
                self._counted(len(pages), count)
                seconds = self._limits.wall_clock(len(pages), count) * _OCR_SHARE
                reader = Recogniser(self._parser, self._path, seconds, self._about_pages)
                with self._clock.step("ocr"):
                    found |= reader.read(textless)
                    found |= reader.replace_unmapped(garbled)
                    found |= reader.add_to(scans)
        for n, page in found.items():
            beside = {"form_fields": pages[n].form_fields, "annotations": pages[n].annotations}
            found[n] = replace(page, **beside)
        unreadable = [n for n in pages if is_unreadable(found.get(n, pages[n]).text)]
        self._about_pages.add(WarningCode.TEXT_UNREADABLE, _UNREADABLE, *unreadable)
        return found

    def _scans_in_forms(self, pages: Pages) -> set[int]:
        """Return the pages with little text on a scan inside a form XObject."""
        numbers = [n for n, page in pages.items() if may_hide_a_scan(page)]
        if self._media is not Media.PDF or not numbers:
            return set()
        from docmill.engines import pdf_objects  # noqa: PLC0415 - it loads a pdfium

        if not pdf_objects.has_forms_and_images(self._path):
            return set()
        covered = pdf_objects.covered_by_forms(self._path, numbers)
        return {n for n, share in covered.items() if share >= COVERED}

    def _lines_beyond_text(self, pages: Pages) -> dict[int, list[str]]:
        """Return by page what is on it and not in its text: values, comments, stamps."""
        beyond = {n: pdf_parts.lines_beyond_text(page) for n, page in pages.items()}
        stamped = [n for n, page in pages.items() if pdf_parts.has_stamp(page)]
        if stamped:
            from docmill.engines import pdf_objects  # noqa: PLC0415 - as above

            for n, lines in pdf_objects.texts_of_stamps(self._path, stamped).items():
                known = letters_of("".join((pages[n].text, *beyond[n])))
                beyond[n] += [line for line in lines if letters_of(line) not in known]
        return beyond

    def _warn_of_empty(self, pages: list[ParsedPage]) -> None:
        if self._languages.missing and self._request.ocr:
            missing = ", ".join(self._languages.missing)
            message = f"There is no OCR data for the language {missing} here."
            self._warnings.append(warning(WarningCode.OCR_UNAVAILABLE, message))
        off = not self._request.ocr or self._languages.codes is None
        why = "OCR was off" if off else "OCR found none either"
        empty = [page.page_number for page in pages if page.success and not page.text.strip()]
        self._about_pages.add(WarningCode.PAGE_WITHOUT_TEXT, f"No text on {{page}}: {why}.", *empty)

    def _read_pages(
        self, native: "liteparse.ParseResult", pages: Pages, asked: list[int]
    ) -> list[ParsedPage]:
        """Return the pages that were asked for as ours; the values of XFA are on the first."""
        errors = {error.page_num: error.message for error in native.page_errors}
        reader = PageReader(self._given, _file_names(native))
        beyond = self._lines_beyond_text(pages)
        if native.xfa_packets and pages:
            known = chain((page.text for page in pages.values()), *beyond.values())
            beyond[min(pages)] += pdf_parts.lines_of_xfa(native, "\n".join(known))
        found = [
            reader.read(pages[n], beyond[n]) if n in pages else _failed(n, errors.get(n))
            for n in asked
            if n in pages or n in errors
        ]
        self._about_pages.add(WarningCode.TEXT_PUT_BACK, _PUT_BACK, *reader.put_back)
        self._warn_of_empty(found)
        return found

    def _inventory(self, native: "liteparse.ParseResult", pages: Pages) -> dict[str, int]:
        """Count what the source holds, and say which parts of it are not read."""
        counts = pdf_parts.inventory_of(native, list(pages.values()))
        if self._media is Media.PDF:
            attached, warnings = pdf_parts.attachments(self._path)
            self._warnings += [*warnings, *pdf_parts.unread_xfa(native)]
            counts |= {"attachments": attached} if attached else {}
        return counts


def _file_names(native: "liteparse.ParseResult") -> dict[str, str]:
    from docmill.engines.liteparse_images import file_names  # noqa: PLC0415 - it loads LiteParse

    return file_names(native.images)


def _failed(number: int, message: str | None) -> ParsedPage:
    return ParsedPage(page_number=number, success=False, error=message or "no reason given")


def _asked_languages(given: dict[str, Any]) -> list[str]:
    languages = dict(parameters.leaves(given)).get(parameters.OCR_LANGUAGES, [])
    return [str(language) for language in languages]


def _metadata(native: "liteparse.ParseResult") -> dict[str, Any]:
    stated = native.doc_meta
    found = {
        "creator": native.creator,
        "producer": native.producer,
        "created_at": stated.creation_date if stated else None,
        "modified_at": stated.mod_date if stated else None,
    }
    return {name: value for name, value in found.items() if value}
