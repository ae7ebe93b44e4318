"""Text recognition of pages, and its combination with text layers.

A page without text is recognised upright, and in other directions if the result is doubtful. A page
with text keeps it: recognised text is added if the page is a scan with little text on it, and
otherwise replaces only runs of unmapped characters.
"""

import hashlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from docmill.contracts.warnings import WarningCode
from docmill.engines.liteparse.boxes import scale, turn_back
from docmill.engines.liteparse.merge import with_better_runs
from docmill.engines.liteparse.native import NativeParser
from docmill.engines.liteparse.pages import confidence_of
from docmill.engines.liteparse.unmapped import is_unmapped
from docmill.engines.page_warnings import PageWarnings
from docmill.engines.rotation import quarter, turn_of
from docmill.engines.selection import as_target_pages
from docmill.engines.text_check import words_of

if TYPE_CHECKING:
    import liteparse

Pages = dict[int, "liteparse.ParsedPage"]
"""Pages by number."""

DOUBTFUL = 0.75
"""Mean confidence below which a page is tried in other directions, and reported as doubtful.

Rotated scans are read with 0.43 to 0.54, upright ones with 0.9 and more.
"""
_BETTER = 0.15
"""Minimum gain of another direction."""
_SURELY_UPRIGHT = 0.9
"""Mean confidence from which a page is not tried upside down. An upright page has 0.94 and more, an
inverted one at most 0.86, for short lines in capitals."""
_BETTER_UPSIDE_DOWN = 0.08
"""Minimum gain of the inverted page, if the upright one was not doubtful."""
_SURE = 0.8
"""Minimum confidence of recognised text that replaces unmapped characters."""
_POOR = 0.5
"""Mean confidence below which nothing is added to a page with text: it shows a photo, not a
scan."""
COVERED = 0.5
"""Share of a page that images cover from which it may be a scan with text on it."""
_KNOWN = 0.8
"""Share of recognised words in the page's text from which they add nothing."""
_WORD = 3
"""Minimum letters of a word that is wider than high if it runs from left to right."""
_UPSIDE_DOWN = 180
_TURNS = (_UPSIDE_DOWN, 90, 270)
TURNED = "The text of {page} was read turned: it stands sideways or upside down."
_DOUBTFUL_TEXT = "The text of {page} was recognised with little confidence."
_POOR_PICTURE = "The images on {page} may hold text; what was recognised is too doubtful to add."
_ADDED = "Text that was recognised in the images on {page} was added to the page's own."
_REPLACED = "Characters without meaning on {page} were replaced by recognised text."
_NO_TIME = "The images on {page} were not recognised: no time was left."


class Recogniser:
    """Recognises text on the pages of one document."""

    def __init__(
        self,
        parser: NativeParser,
        document: Path,
        seconds: float,
        warnings: PageWarnings,
        pictures: dict[int, str],
    ) -> None:
        """Create a recogniser for a document.

        Args:
            parser: parser with the languages of the recognition.
            document: a PDF or an image.
            seconds: time limit for everything beyond one pass over the pages without text.
            warnings: receives warnings.
            pictures: hash of the image of each page that `add_to` drew; new ones are added.
        """
        self._pictures = pictures
        self._parser = parser
        self._document = document
        self._ends = time.monotonic() + seconds
        self._warnings = warnings

    def read(self, numbers: list[int]) -> Pages:
        """Recognise pages without text, and return them."""
        if not numbers:
            return {}
        found = self._recognise(self._document, dict.fromkeys(numbers, 0))
        turned = self._try_turned(self._document, found)
        self._warnings.add(WarningCode.PAGE_TURNED, TURNED, *turned)
        for number, page in found.items():
            if (confidence_of(page.text_items) or 1.0) < DOUBTFUL:
                self._warnings.add(WarningCode.OCR_DOUBTFUL, _DOUBTFUL_TEXT, number)
        return {number: page for number, page in found.items() if page.text.strip()}

    def add_to(self, pages: dict[int, "liteparse.ParsedPage"]) -> dict[int, "liteparse.ParsedPage"]:
        """Recognise scans with text on them; return those to which text was added.

        An image on many pages, such as a letterhead, is recognised once.
        """
        changed = {}
        for number, picture in self._draw(list(pages), with_text=False):
            content = hashlib.sha256(picture.read_bytes()).hexdigest()
            is_known = content in self._pictures.values()
            self._pictures[number] = content
            if is_known:
                continue
            page = pages[number]
            seen = self._picture_of(page, picture)
            sure = confidence_of(seen.text_items)
            if sure is None or _adds_nothing(seen, page):
                continue
            if sure < _POOR:
                self._warnings.add(WarningCode.OCR_DOUBTFUL, _POOR_PICTURE, number)
                continue
            changed[number] = _joined(page, seen)
            self._warnings.add(WarningCode.OCR_ADDED, _ADDED, number)
        return changed

    def replace_unmapped(self, pages: Pages) -> Pages:
        """Replace unmapped text of ``pages`` by recognised text."""
        changed = {}
        for number, picture in self._draw(list(pages), with_text=True):
            page = _with_replaced(pages[number], self._picture_of(pages[number], picture))
            changed[number] = page
            if page is not pages[number]:
                self._warnings.add(WarningCode.OCR_ADDED, _REPLACED, number)
        return changed

    def _draw(self, numbers: list[int], *, with_text: bool) -> Iterator[tuple[int, Path]]:
        from docmill.engines.pdf.drawing import draw_pages

        if not numbers:
            return
        with tempfile.TemporaryDirectory() as folder:
            drawn = draw_pages(self._document, numbers, Path(folder), with_text=with_text)
            for number, picture in drawn:
                if self._is_late():
                    late = numbers[numbers.index(number) :]
                    self._warnings.add(WarningCode.TIME_CUT, _NO_TIME, *late)
                    return
                yield number, picture

    def _picture_of(self, page: "liteparse.ParsedPage", picture: Path) -> "liteparse.ParsedPage":
        """Return the recognised text of a page's image, in the page's points."""
        found = {1: self._recognise(picture, {1: turn_of(page.text_items)})[1]}
        self._try_turned(picture, found)
        return scale(found[1], page.width)

    def _recognise(self, path: Path, turns: dict[int, int]) -> Pages:
        """Return pages by number, each read in its rotation with its boxes on the stored page."""
        native = self._parser.recognise(
            path,
            target_pages=as_target_pages(sorted(turns)),
            page_orientation_corrections=tuple(p for p in sorted(turns.items()) if p[1]),
        )
        return {page.page_num: _as_stored(page, turns[page.page_num]) for page in native.pages}

    def _try_turned(self, path: Path, found: Pages) -> set[int]:
        """Read doubtful pages in other directions, and use clearly better results.

        Returns:
            The numbers of the rotated pages.
        """
        turned: set[int] = set()
        first = {number: turn_of(page.text_items) for number, page in found.items()}
        best = dict(first)
        for further in _TURNS:
            turns = {number: (turn + further) % 360 for number, turn in first.items()}
            doubtful = {
                n: turns[n]
                for n, page in found.items()
                if _is_doubtful(page)
                or (_is_unsure(page) and (turns[n] - best[n]) % 360 == _UPSIDE_DOWN)
            }
            if self._is_late():
                break
            if not doubtful:
                continue
            for number, page in self._recognise(path, doubtful).items():
                if _is_better(page, found[number]):
                    found[number], best[number] = page, turns[number]
                    turned.add(number)
        return turned

    def _is_late(self) -> bool:
        return time.monotonic() > self._ends


def is_stamped_scan(page: "liteparse.ParsedPage") -> bool:
    """Return whether images that were not recognised yet cover a page with text."""
    seen = page.complexity
    if seen is None or not page.text.strip() or "invisible-text-layer" in seen.reasons:
        return False
    return bool(seen.full_page_image or seen.image_coverage >= COVERED)


def may_hide_a_scan(page: "liteparse.ParsedPage") -> bool:
    """Return whether a page has so little text that it may be a scan that LiteParse missed."""
    seen = page.complexity
    if seen is None or not page.text.strip() or "invisible-text-layer" in seen.reasons:
        return False
    return bool(seen.needs_ocr) and not is_stamped_scan(page)


def _as_stored(page: "liteparse.ParsedPage", turn: int) -> "liteparse.ParsedPage":
    if not turn:
        return page
    width, height = (page.height, page.width) if turn % 180 else (page.width, page.height)
    return turn_back(page, turn, width, height)


def _is_doubtful(page: "liteparse.ParsedPage") -> bool:
    """Return whether another direction may be better for a page."""
    sure = confidence_of(page.text_items)
    return sure is not None and (sure < DOUBTFUL or _is_scattered(page))


def _is_unsure(page: "liteparse.ParsedPage") -> bool:
    """Return whether a page may be upside down although its confidence is sufficient."""
    return (confidence_of(page.text_items) or 1.0) < _SURELY_UPRIGHT


def _is_better(page: "liteparse.ParsedPage", other: "liteparse.ParsedPage") -> bool:
    """Return whether a reading is clearly better; a few confident letters are not enough."""
    letters, before = (len("".join(one.text.split())) for one in (page, other))
    if letters * 2 < before or _is_scattered(page):
        return False
    sure, was = (confidence_of(one.text_items) or 0.0 for one in (page, other))
    if _is_scattered(other):
        return bool(sure >= was - _BETTER)
    return bool(sure >= was + (_BETTER if was < DOUBTFUL else _BETTER_UPSIDE_DOWN))


def _is_scattered(page: "liteparse.ParsedPage") -> bool:
    """Return whether words are higher than wide: vertical lines, read horizontally."""
    upright = [
        bool(item.width < item.height) == (item.rotation % _UPSIDE_DOWN == 0)
        for item in page.text_items
        if len(item.text) >= _WORD and quarter(item) is not None
    ]
    return upright.count(True) * 2 > len(upright)


def _adds_nothing(seen: "liteparse.ParsedPage", page: "liteparse.ParsedPage") -> bool:
    words, known = words_of(seen.text), set(words_of(page.text))
    return not words or sum(word in known for word in words) >= len(words) * _KNOWN


def _joined(page: "liteparse.ParsedPage", seen: "liteparse.ParsedPage") -> "liteparse.ParsedPage":
    """Append recognised text to a page, followed by the text below the images."""
    foot = max(item.y + item.height for item in seen.text_items)
    below = bool(page.text_items) and all(item.y >= foot for item in page.text_items)
    parts = (seen, page) if below else (page, seen)
    return replace(
        page,
        markdown="\n\n".join(part.markdown for part in parts if part.blocks),
        text="\n\n".join(part.text for part in parts),
        text_items=[item for part in parts for item in part.text_items],
        blocks=[block for part in parts for block in part.blocks or ()],
    )


def _with_replaced(
    page: "liteparse.ParsedPage", seen: "liteparse.ParsedPage"
) -> "liteparse.ParsedPage":
    """Place recognised text on the boxes of unmapped runs.

    If no text of the page is mapped, the recognised page with its layout replaces it.
    """
    unmapped = sum(is_unmapped(item.text) for item in page.text_items)
    sure = [item for item in seen.text_items if (item.confidence or 0.0) >= _SURE]
    if unmapped == len(page.text_items) and len(sure) * 2 > len(seen.text_items):
        return replace(seen, page_num=page.page_num, page_label=page.page_label)
    return with_better_runs(page, lambda item: is_unmapped(item.text), sure)
