"""Conversion of LiteParse's pages, checked against the text that LiteParse extracted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from docmill.engines import parameters
from docmill.engines.base import ParsedPage
from docmill.engines.liteparse.layout import items_of, running_items, text_items
from docmill.engines.liteparse.running_lines import (
    FirstOccurrences,
    RunningLines,
    lines_of,
    outside_of,
    running_lines,
    without_lines,
)
from docmill.engines.rotation import quarter
from docmill.engines.slices import ReadPage
from docmill.engines.text_check import left_out, words_of

if TYPE_CHECKING:
    import liteparse


@dataclass
class PageReader:
    """Converts pages of LiteParse.

    LiteParse omits text from its Markdown: supposed running lines, rotated text, margins. Running
    lines are restored at their first occurrence (`PageJoiner`). Other words of the page's text that
    the Markdown lacks are added.

    Attributes:
        given: the parameters of the parse.
        images: file of each image by name, for images that share one.
        put_back: number of restored words by page.
    """

    given: dict[str, Any]
    images: Mapping[str, str]
    put_back: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        asked = frozenset(parameters.requested(self.given))
        self._printed = parameters.PRINTED_PAGE_NUMBER in asked
        self._skip_diagonal = parameters.SKIP_DIAGONAL_TEXT in asked

    def read(self, page: "liteparse.ParsedPage", further: Sequence[str] = ()) -> ReadPage:
        """Convert a page as far as possible without the preceding pages.

        Args:
            page: the page with its blocks.
            further: lines of the page outside of its text, such as values of form fields.
        """
        blocks = page.blocks or ()
        lines = running_lines(page.text_items, list(blocks), page.height)
        # A page without text has an empty code block.
        markdown = page.markdown if page.text.strip() else ""
        above, below = self._left_out(page, markdown, lines)
        recognised = [item for item in page.text_items if item.confidence is not None]
        items = running_items(items_of(blocks, self.images), lines.header, lines.footer)
        found = ParsedPage(
            page_number=page.page_num,
            markdown=markdown,
            text=_text(page.text, lines, self.given),
            width=page.width,
            height=page.height,
            ocr=bool(recognised),
            items=[*text_items(above), *items, *text_items(below)],
            header="\n".join(lines.header) or None,
            footer="\n".join(lines.footer) or None,
            confidence=confidence_of(recognised),
            printed_page_number=(lines.page_number or page.page_label) if self._printed else None,
        )
        return ReadPage(page=found, above=above, below=below, further=list(further))

    def _left_out(
        self, page: "liteparse.ParsedPage", markdown: str, lines: RunningLines
    ) -> tuple[list[str], list[str]]:
        """Return lines above and below the body that are neither in it nor running lines."""
        items = page.text_items
        rendering = "\n".join((*lines.header, markdown, *lines.footer))
        blocks = page.blocks or ()

        def outside_first() -> list[int]:
            # Of equal words, those outside of the body are more likely to be missing.
            outside = {id(item) for item in outside_of(items, blocks)}
            is_inside = [id(item) not in outside for item in items]
            return sorted(range(len(items)), key=is_inside.__getitem__)

        places = left_out([item.text for item in items], rendering, outside_first)
        if not places:
            return [], []
        lost = [items[place] for place in places]
        if self._skip_diagonal:
            lost = [item for item in lost if quarter(item) is not None]
        top = min((block.bbox.y for block in blocks if block.bbox), default=0.0)
        above = [item for item in lost if item.y + item.height <= top]
        below = [item for item in lost if item.y + item.height > top]
        words = sum(len(words_of(item.text)) for item in lost)
        if words:
            self.put_back[page.page_num] = words
        return (
            lines_of(above, page.width, page.height),
            lines_of(below, page.width, page.height),
        )


class PageJoiner:
    """Completes the pages of one document in order. Running lines appear where they occur first.

    Attributes:
        given: the parameters of the parse.
    """

    def __init__(self, given: dict[str, Any]) -> None:

        self._hide_headers = given.get(parameters.HIDE_HEADERS)
        self._hide_footers = given.get(parameters.HIDE_FOOTERS)
        self._above, self._below = FirstOccurrences(), FirstOccurrences()

    def complete(self, read: ReadPage) -> ParsedPage:
        """Complete the page that follows the completed ones."""
        page = read.page
        body = self._with_running_lines(page)
        parts = (*read.above, body, *read.below, *read.further)
        return page.model_copy(
            update={
                "markdown": "\n\n".join(part for part in parts if part),
                "text": "\n".join(part for part in (page.text, *read.further) if part),
                "items": [*page.items, *text_items(read.further)],
            }
        )

    def _with_running_lines(self, page: ParsedPage) -> str:
        """Insert running lines that are new, or all if the page were empty otherwise."""
        header, footer = _lines(page.header), _lines(page.footer)
        above, below = self._above.of(header), self._below.of(footer)
        if not page.markdown and not above and not below:
            above, below = header, footer
        above = _wanted(self._hide_headers, header, above)
        below = _wanted(self._hide_footers, footer, below)
        return "\n\n".join(part for part in (*above, page.markdown, *below) if part)


def word_boxes(page: "liteparse.ParsedPage") -> Iterator[dict[str, Any]]:
    """Yield the words of a page with their boxes."""
    for word in (word for item in page.text_items for word in item.words):
        yield {
            "page_number": page.page_num,
            "text": word.text,
            "x": round(word.x, 2),
            "y": round(word.y, 2),
            "w": round(word.width, 2),
            "h": round(word.height, 2),
        }


def confidence_of(items: "Sequence[liteparse.TextItem]") -> float | None:
    """Return the mean confidence of recognised characters; None if there are none."""
    read = [(len(item.text), item.confidence) for item in items if item.confidence is not None]
    characters = sum(length for length, _ in read)
    if not characters:
        return None
    return round(float(sum(length * sure for length, sure in read)) / characters, 4)


def _lines(joined: str | None) -> tuple[str, ...]:
    return tuple(joined.split("\n")) if joined else ()


def _wanted(hide: bool | None, lines: tuple[str, ...], first: tuple[str, ...]) -> tuple[str, ...]:
    if hide is None:
        return first
    return () if hide else lines


def _text(text: str, lines: RunningLines, given: dict[str, Any]) -> str:

    if given.get(parameters.HIDE_HEADERS):
        text = without_lines(text, lines.header)
    if given.get(parameters.HIDE_FOOTERS):
        text = without_lines(text, tuple(reversed(lines.footer)), from_end=True)
    return text
