"""Reads the pages of one document through LiteParse, in parts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docmill.contracts.media_types import Media
from docmill.contracts.warnings import WarningCode
from docmill.engines import parameters
from docmill.engines.accounting import check_page_limit
from docmill.engines.base import Document, Limits, ParsedPage
from docmill.engines.clock import Clock
from docmill.engines.liteparse import ocr_languages
from docmill.engines.liteparse.boxes import turn_back
from docmill.engines.liteparse.merge import with_turned_runs
from docmill.engines.liteparse.native import NativeParser
from docmill.engines.liteparse.ocr import (
    COVERED,
    TURNED,
    Pages,
    Recogniser,
    is_stamped_scan,
    may_hide_a_scan,
)
from docmill.engines.liteparse.pages import PageReader
from docmill.engines.liteparse.right_to_left import in_order, runs_right_to_left
from docmill.engines.liteparse.unmapped import is_unreadable
from docmill.engines.page_warnings import PageWarnings
from docmill.engines.parameters import ParseRequest
from docmill.engines.pdf import parts
from docmill.engines.pdf.raw import Marks, PdfBytes
from docmill.engines.rotation import quarter, turn_of, turned_of
from docmill.engines.selection import as_target_pages
from docmill.engines.slices import OCR_PAGES, TEXT_PAGES, ReadPage, SlicePart, split
from docmill.engines.text_check import letters_of

if TYPE_CHECKING:
    import liteparse

FILES = frozenset({parameters.SCREENSHOTS, parameters.EMBEDDED_IMAGES, parameters.WORDS})
"""Parameters that request files made from LiteParse's pages."""
_EMBEDDED = parameters.EMBEDDED_IMAGES
_PARTS = ("form_fields", "annotations", "xfa_packets")
_OCR_SHARE = 0.5
"""Share of a file's time after which only pages without text are recognised, once each."""
_PUT_BACK = "Text that the layout had left out was put back on {page}."
_ORDER = "Words on {page} that run from right to left may stand in the wrong order."
_ORDER_SAMPLE = 1
"""Pages whose order is checked. Fonts of the document cause LiteParse's errors of order."""
_UNREADABLE = "The text of {page} has characters without meaning: its fonts do not tell which."


class LiteParseReader:
    """Reads text layers and recognises text. Each call returns input of `joined`.

    LiteParse derives headings, their levels, and running lines from the pages of one call:
    `TEXT_PAGES` text layers, or `OCR_PAGES` pages without one. Slices therefore do not change the
    result.

    Attributes:
        path: file for LiteParse.
        clock: seconds of each step.
        keeps: whether requested files need LiteParse's results for all pages.
        kept: these results by page.
        images: embedded images, if requested.
        image_errors: number of embedded images that cannot be read.
    """

    def __init__(
        self, path: Path, document: Document, given: dict[str, Any], limits: Limits
    ) -> None:
        """Create a reader for a document.

        Args:
            path: file for LiteParse.
            document: the input.
            given: the parameters of the parse.
            limits: limits of the run.
        """
        self.clock = Clock()
        self.keeps = document.output_dir is not None and bool(
            FILES & {*parameters.requested(given)}
        )
        self.kept: Pages = {}
        self.images: list[liteparse.ExtractedImage] = []
        self.image_errors = 0
        self.path = path
        self._media = Media(document.media_type)
        self._given = given
        self._limits = limits
        self._counted: Callable[[int, int], None] = document.counted
        self._request = ParseRequest.read(given)
        self._languages = ocr_languages.choose(asked_languages(given))
        self._recognises = self._request.ocr and self._languages.codes is not None
        self._parser = NativeParser(given, self._languages)
        self._pages: Pages = {}
        self._pictures: dict[int, str] = {}
        self._ocr_pages = 0

    def begin(self) -> SlicePart:
        """Read the text layers of the first requested pages.

        Raises:
            ItemFailure: ENCRYPTED, CORRUPT, TOO_MANY_PAGES, OUT_OF_MEMORY or PAGES_FAILED.
        """
        selection = self._request.pages
        # LiteParse ignores page numbers after the last page, so the count need not be known yet.
        first = selection.of(2**31, min(TEXT_PAGES, self._limits.pages))
        if selection.ranges:
            return self.read_text(first)
        native = self._read_layers(max_pages=len(first))
        return self._text_part(native, set(first))

    def rest(self, first: SlicePart) -> Iterator[SlicePart]:
        """Read everything after the first text layers.

        Raises:
            ItemFailure: as `begin`.
        """
        if first.recognise:
            yield self.recognise(first)
        for numbers in split(first.asked, TEXT_PAGES)[1:]:
            part = self.read_text(numbers)
            yield part
            if part.recognise:
                yield self.recognise(part)

    def read_text(self, numbers: Sequence[int]) -> SlicePart:
        """Read the text layers of at most `TEXT_PAGES` pages.

        Raises:
            ItemFailure: as `begin`.
        """
        native = self._read_layers(target_pages=as_target_pages(list(numbers)))
        return self._text_part(native, set(numbers))

    def recognise(self, part: SlicePart) -> SlicePart:
        """Recognise the pages that need it after the last text layers.

        Raises:
            ItemFailure: as `begin`.
        """
        self._ocr_pages += len(part.recognise)
        self._counted(len(part.asked), self._ocr_pages)
        seconds = self._limits.wall_clock(len(part.asked), self._ocr_pages) * _OCR_SHARE
        about = PageWarnings()
        reader = Recogniser(self._parser, self.path, seconds, about, self._pictures)
        pages: Pages = {n: self._pages[n] for n in part.recognise}
        with self.clock.step("ocr"):
            for numbers in split(part.recognise, OCR_PAGES):
                pages |= _recognised(reader, {n: pages[n] for n in numbers})
        self._keep(pages)
        return SlicePart(
            document_pages=part.document_pages,
            asked=part.asked,
            pages=self._read_pages(pages, {}, about),
            recognised=True,
            pictures={n: self._pictures[n] for n in pages if n in self._pictures},
            about_pages=about.each,
        )

    def _read_layers(self, **pages: Any) -> "liteparse.ParseResult":
        options = {f"extract_{part}": self._media is Media.PDF for part in _PARTS}
        options["extract_images"] = self.keeps and _EMBEDDED in parameters.requested(self._given)
        options["include_complexity"] = self._measures
        with self.clock.step("text_layer"):
            native = self._parser.read(self.path, **pages, **options)
        self.images += native.images
        self.image_errors += native.image_error_count
        return native

    def _text_part(self, native: "liteparse.ParseResult", wanted: set[int]) -> SlicePart:
        asked = check_page_limit(native.total_pages, self._request.pages, self._limits)
        wanted &= {*asked}
        pages = {page.page_num: page for page in native.pages if page.page_num in wanted}
        is_first = asked[0] in wanted
        part = SlicePart(document_pages=native.total_pages, asked=asked)
        runs = {n: turned_of(page.text_items) for n, page in pages.items()}
        turned = {n: items for n, items in runs.items() if items}
        part.inventory = parts.inventory_of(
            native if is_first else None,
            list(pages.values()),
            turned=chain.from_iterable(turned.values()),
            images=self._images_on(pages, is_first=is_first),
        )
        about = PageWarnings()
        pages |= self._turned(pages, turned, about)
        errors = {e.page_num: e.message for e in native.page_errors if e.page_num in wanted}
        part.pages = self._read_pages(pages, errors, about)
        if is_first:
            self._describe(part, native)
        about.add(WarningCode.ORDER_DOUBTFUL, _ORDER, *self._disordered(pages))
        part.about_pages = about.each
        if self._recognises:
            in_forms = self._scans_in_forms(pages)
            part.recognise = [
                n for n in sorted(pages) if n in in_forms or _is_to_recognise(pages[n])
            ]
        self._pages = pages
        self._keep(pages)
        return part

    @cached_property
    def _bytes(self) -> PdfBytes:
        return PdfBytes(self.path)

    @cached_property
    def _marks(self) -> Marks:
        return self._bytes.marks()

    @cached_property
    def _may_show_images(self) -> bool:
        return self._media is not Media.PDF or self._bytes.may_show_images()

    @property
    def _measures(self) -> bool:
        """Whether LiteParse measures the images of pages, which takes a quarter of its time."""
        return self._media is not Media.PDF or (self._recognises and self._may_show_images)

    def _images_on(self, pages: Pages, *, is_first: bool) -> int:
        """Return how many images pages show; without recognition, how many the file stores."""
        if self._recognises or self._media is not Media.PDF:
            seen = [page.complexity for page in pages.values() if page.complexity]
            return sum(one.image_block_count + one.full_page_image for one in seen)
        return self._marks.images if is_first else 0

    def _keep(self, pages: Pages) -> None:
        if self.keeps:
            self.kept |= pages

    def _describe(self, part: SlicePart, native: "liteparse.ParseResult") -> None:
        """Add facts about the document to the part with its first page."""
        part.metadata = _metadata(native)
        if self._media is not Media.PDF:
            return
        attached, warnings = parts.attachments(self.path, self._marks)
        part.warnings = [*warnings, *parts.unread_xfa(native)]
        part.inventory |= {"attachments": attached} if attached else {}
        if native.xfa_packets:
            known = chain.from_iterable((one.page.text, *one.further) for one in part.pages)
            part.first_lines = parts.lines_of_xfa(native, "\n".join(known))

    def _turned(
        self, pages: Pages, turned: "dict[int, list[liteparse.TextItem]]", about: PageWarnings
    ) -> Pages:
        """Return pages with rotated text, read in the direction of the text.

        A page with mostly rotated text is replaced by the rotated reading; on other pages only the
        rotated runs are.
        """
        turns = {n: turn_of(pages[n].text_items) for n in turned}
        runs = {n: {quarter(item) or 0 for item in items} for n, items in turned.items()}
        readings: dict[int, Pages] = {n: {0: pages[n]} for n in turned if runs[n] - {0}}
        for turn in (90, 180, 270):
            numbers = [n for n in readings if turn in runs[n]]
            for number, page in self._read_turned(numbers, turn, pages).items():
                readings[number][turn] = page
        about.add(WarningCode.PAGE_TURNED, TURNED, *(n for n in turns if turns[n]))
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
        """Return readings of rotated pages, with boxes on the stored page."""
        if not numbers:
            return {}
        with self.clock.step("text_layer"):
            native = self._parser.read(
                self.path,
                movable=True,
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

    def _disordered(self, pages: Pages) -> list[int]:
        """Return the right-to-left pages, if another reader orders the first one differently."""
        numbers = [n for n, page in pages.items() if runs_right_to_left(page.text)]
        if self._media is not Media.PDF or not numbers:
            return []
        from docmill.engines.pdf import objects

        others = objects.texts(self.path, numbers[:_ORDER_SAMPLE])
        doubtful = any(not in_order(pages[n].text, other) for n, other in others.items())
        return numbers if doubtful else []

    def _scans_in_forms(self, pages: Pages) -> set[int]:
        """Return the pages with little text and a scan inside a form XObject."""
        numbers = [n for n, page in pages.items() if may_hide_a_scan(page)]
        if self._media is not Media.PDF or not numbers:
            return set()
        if not self._bytes.has_forms_and_images():
            return set()
        from docmill.engines.pdf import objects

        covered = objects.covered_by_forms(self.path, numbers)
        return {n for n, share in covered.items() if share >= COVERED}

    def _lines_beyond_text(self, pages: Pages) -> dict[int, list[str]]:
        """Return by page the content outside of its text: values, comments, stamps."""
        beyond = {n: parts.lines_beyond_text(page) for n, page in pages.items()}
        stamped = [n for n, page in pages.items() if parts.has_stamp(page)]
        if stamped:
            from docmill.engines.pdf import objects

            for n, lines in objects.texts_of_stamps(self.path, stamped).items():
                known = letters_of("".join((pages[n].text, *beyond[n])))
                beyond[n] += [line for line in lines if letters_of(line) not in known]
        return beyond

    def _read_pages(
        self, pages: Pages, errors: dict[int, str], about: PageWarnings
    ) -> list[ReadPage]:
        """Convert pages. Pages that LiteParse cannot read become failed ones."""
        reader = PageReader(self._given, _file_names(self.images))
        beyond = self._lines_beyond_text(pages)
        found = [
            reader.read(pages[n], beyond[n]) if n in pages else _failed(n, errors[n])
            for n in sorted({*pages, *errors})
        ]
        unreadable = [n for n, page in pages.items() if is_unreadable(page.text)]
        about.add(WarningCode.TEXT_UNREADABLE, _UNREADABLE, *unreadable)
        about.add(WarningCode.TEXT_PUT_BACK, _PUT_BACK, *reader.put_back)
        return found


def asked_languages(given: dict[str, Any]) -> list[str]:
    """Return the requested languages of text recognition."""
    languages = dict(parameters.leaves(given)).get(parameters.OCR_LANGUAGES, [])
    return [str(language) for language in languages]


def _is_to_recognise(page: "liteparse.ParsedPage") -> bool:
    return not page.text.strip() or is_unreadable(page.text) or is_stamped_scan(page)


def _recognised(reader: Recogniser, pages: Pages) -> Pages:
    """Return those of ``pages`` with recognised text, alone or in addition to their own."""
    textless = [n for n, page in pages.items() if not page.text.strip()]
    garbled = {n: page for n, page in pages.items() if is_unreadable(page.text)}
    scans = {n: page for n, page in pages.items() if n not in textless and n not in garbled}
    found = reader.read(textless) | reader.replace_unmapped(garbled) | reader.add_to(scans)
    return {
        n: replace(page, form_fields=pages[n].form_fields, annotations=pages[n].annotations)
        for n, page in found.items()
    }


def _file_names(images: "Sequence[liteparse.ExtractedImage]") -> dict[str, str]:
    from docmill.engines.liteparse.images import file_names

    return file_names(images)


def _failed(number: int, message: str | None) -> ReadPage:
    page = ParsedPage(page_number=number, success=False, error=message or "no reason given")
    return ReadPage(page=page)


def _metadata(native: "liteparse.ParseResult") -> dict[str, Any]:
    stated = native.doc_meta
    found = {
        "creator": native.creator,
        "producer": native.producer,
        "created_at": stated.creation_date if stated else None,
        "modified_at": stated.mod_date if stated else None,
    }
    return {name: value for name, value in found.items() if value}
