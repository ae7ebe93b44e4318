"""Joins the parts of a document to its result."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from docmill.contracts.warnings import WarningCode, warning
from docmill.engines.base import Document, ParsedPage, ParseResult
from docmill.engines.liteparse import ocr_languages
from docmill.engines.liteparse.pages import PageJoiner
from docmill.engines.liteparse.reader import asked_languages
from docmill.engines.page_warnings import PageWarnings
from docmill.engines.parameters import ParseRequest
from docmill.engines.slices import ReadPage, SlicePart

_OF_ITS_TEXT = frozenset({WarningCode.TEXT_UNREADABLE, WarningCode.TEXT_PUT_BACK})
"""Warnings about a page's text layer, which recognised text replaces."""


def joined(
    parts: Iterable[SlicePart],
    document: Document,
    given: dict[str, Any],
    engine: tuple[str, str],
) -> ParseResult:
    """Join the parts of a document.

    Args:
        parts: all parts; text layers precede recognised text.
        document: the input.
        given: the parameters of the parse.
        engine: name and version of the engine.
    """
    whole = _Whole()
    for part in parts:
        whole.add(part)
    pages = whole.completed(given)
    failed = sum(not page.success for page in pages)
    _warn_of_empty(whole, pages, given)
    return ParseResult(
        engine=engine[0],
        engine_version=engine[1],
        media_type=document.media_type,
        pages_total=len(pages),
        pages_ok=len(pages) - failed,
        pages_failed=failed,
        document_pages=whole.document_pages,
        pages=pages,
        metadata=whole.metadata,
        inventory=dict(whole.inventory),
        warnings=[*whole.warnings, *whole.about.all],
        timings={step: round(seconds, 3) for step, seconds in whole.timings.items()},
    )


class _Whole:
    """A document during the joining of its parts."""

    def __init__(self) -> None:
        self.document_pages = 0
        self.metadata: dict[str, Any] = {}
        self.inventory: Counter[str] = Counter()
        self.timings: Counter[str] = Counter()
        self.warnings: list[Any] = []
        self.about = PageWarnings()
        self._asked: list[int] = []
        self._first_lines: list[str] = []
        self._pages: dict[int, ReadPage] = {}
        self._pictures: dict[str, int] = {}

    def add(self, part: SlicePart) -> None:
        """Add a part."""
        self.document_pages, self._asked = part.document_pages, part.asked
        self.metadata |= part.metadata
        self.inventory.update(part.inventory)
        self.timings.update(part.timings)
        self.warnings += part.warnings
        self._first_lines += part.first_lines
        pages = {one.page.page_number: one for one in part.pages}
        if part.recognised:
            pages = {n: page for n, page in pages.items() if not self._shows_again(n, part)}
            for code in _OF_ITS_TEXT:
                self.about.drop(code, *pages)
        self._pages |= pages
        for code, sentence, number in part.about_pages:
            if number in pages:
                self.about.add(code, sentence, number)

    def completed(self, given: dict[str, Any]) -> list[ParsedPage]:
        """Return the pages in order; pages that were never read are missing."""
        joiner = PageJoiner(given)
        numbers = [number for number in self._asked if number in self._pages]
        if numbers and self._first_lines:
            first = self._pages[numbers[0]]
            further = [*first.further, *self._first_lines]
            self._pages[numbers[0]] = first.model_copy(update={"further": further})
        return [joiner.complete(self._pages.pop(number)) for number in numbers]

    def _shows_again(self, number: int, part: SlicePart) -> bool:
        """Return whether a page repeats the image of an earlier page, such as a letterhead.

        The recognised text was added to the earlier page; this page keeps its own.
        """
        picture = part.pictures.get(number)
        return picture is not None and self._pictures.setdefault(picture, number) != number


def _warn_of_empty(whole: _Whole, pages: list[ParsedPage], given: dict[str, Any]) -> None:
    request = ParseRequest.read(given)
    languages = ocr_languages.choose(asked_languages(given))
    if languages.missing and request.ocr:
        missing = ", ".join(languages.missing)
        message = f"There is no OCR data for the language {missing} here."
        whole.warnings.append(warning(WarningCode.OCR_UNAVAILABLE, message))
    off = not request.ocr or languages.codes is None
    why = "OCR was off" if off else "OCR found none either"
    empty = [page.page_number for page in pages if page.success and not page.text.strip()]
    sentence = f"No text on {{page}}: {why}."
    whole.about.add(WarningCode.PAGE_WITHOUT_TEXT, sentence, *empty)
