"""Verification of quotes against the pages of a document, and their locations."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from docmill.engines.base import ParsedPage

_HYPHENS = frozenset("-\N{SOFT HYPHEN}\N{HYPHEN}\N{NON-BREAKING HYPHEN}")
_MARKUP = frozenset("*|#`\\")
"""Markdown syntax between the words of a page."""
_CELL = "|"


class _Text:
    """A text normalized for comparison: without spaces, case, and hyphens within words."""

    def __init__(self, text: str, skipped: frozenset[str] = frozenset()) -> None:
        self._text = text
        plain, places = [], []
        for at, character in enumerate(text):
            if character.isspace() or character in skipped or self._joins(at):
                continue
            for one in _comparable(character):
                plain.append(one)
                places.append(at)
        self.plain = "".join(plain)
        self._places = places

    def _joins(self, at: int) -> bool:
        """Return whether a hyphen is inside a word, perhaps at a line end."""
        if self._text[at] not in _HYPHENS:
            return False
        after = self._text[at + 1 : at + 40].lstrip()
        return at > 0 and self._text[at - 1].isalnum() and after[:1].isalnum()

    def find(self, quote: str) -> str | None:
        """Return the text that matches ``quote``, in whole words only."""
        at = self.plain.find(quote)
        while at >= 0:
            first, last = self._places[at], self._places[at + len(quote) - 1]
            if self._whole(first, last):
                return self._text[first : last + 1]
            at = self.plain.find(quote, at + 1)
        return None

    def _whole(self, first: int, last: int) -> bool:
        text = self._text
        before = text[first - 1] if first else " "
        after = text[last + 1] if last + 1 < len(text) else " "
        return not (before.isalnum() and text[first].isalnum()) and not (
            after.isalnum() and text[last].isalnum()
        )


@dataclass(frozen=True)
class _Page:
    page: ParsedPage

    @cached_property
    def _texts(self) -> tuple[_Text, ...]:
        return (_Text(self.page.text), _Text(self.page.markdown, _MARKUP))

    def find(self, quote: str) -> str | None:
        found = (text.find(quote) for text in self._texts)
        words = next((one for one in found if one is not None), None)
        return None if words is None else _clean(words)

    @cached_property
    def _boxed(self) -> list[tuple[_Text, list[dict[str, Any]]]]:
        """The parts of the page with boxes, smallest first."""
        having = [item for item in _flat(self.page.items) if item.get("bbox")]
        having.sort(key=lambda item: len(_words(item)))
        return [(_Text(_words(item), _MARKUP), list(item["bbox"])) for item in having]

    def boxes(self, quote: str) -> list[dict[str, Any]]:
        """Return the boxes of the smallest part of the page that contains the words."""
        return next((boxes for text, boxes in self._boxed if text.find(quote) is not None), [])


class Quotes:
    """Searches quotes in the pages of one document."""

    def __init__(self, pages: Iterable[ParsedPage]) -> None:
        """Index the parsed pages."""
        self._pages = {page.page_number: _Page(page) for page in pages if page.success}

    def cite(self, quote: str, page: int | None, among: Sequence[int]) -> dict[str, Any] | None:
        """Return the location and the text of a quote; None if no page contains it.

        Args:
            quote: text; spaces, case and hyphens within words may differ from the page.
            page: page to search first.
            among: other pages to search.
        """
        wanted = _Text(quote.strip()).plain
        if not any(one.isalnum() for one in wanted):
            return None
        # Sorting is stable: the named page comes first, and the others keep their order.
        for number in sorted(among, key=lambda number: number != page):
            found = self._pages[number].find(wanted) if number in self._pages else None
            if found is not None:
                citation: dict[str, Any] = {"page": number, "matching_text": found}
                boxes = self._pages[number].boxes(wanted)
                return citation | ({"bounding_boxes": boxes} if boxes else {})
        return None


def _comparable(character: str) -> str:
    if character.isascii():
        return character.lower()
    return unicodedata.normalize("NFKC", character).casefold()


def _flat(items: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield items, with nested lists flattened."""
    for item in items:
        yield item
        yield from _flat(item.get("items", ()))


def _words(item: dict[str, Any]) -> str:
    return str(item.get("value") or item.get("md") or "")


def _clean(words: str) -> str:
    """Return words of a page without line ends and table borders."""
    return " ".join(words.replace(_CELL, " ").split())
