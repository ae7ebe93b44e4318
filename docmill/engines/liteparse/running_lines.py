"""Running lines above and below the body of pages: headers, footers and page numbers."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import nan
from operator import attrgetter
from typing import TYPE_CHECKING

from docmill.engines.base import Box
from docmill.engines.rotation import quarter, upright

if TYPE_CHECKING:
    from liteparse import LayoutBlock, TextItem

BAND = 0.15
"""Share of a page's height, at the top and at the bottom, that may contain running lines."""

_BOX = attrgetter("x", "y", "width", "height")
_SLACK = 1.0
"""Tolerance in points for boxes of the same line."""
_NUMBER = re.compile(
    r"(?:page |p\. ?)?(?:[a-z]-)?(?:\d{1,5}|[ivxlc]{1,8})(?: ?(?:/|of) ?\d{1,5})?", re.I
)
_DASHES = "-\u2013\u2014 "


@dataclass(frozen=True, slots=True)
class RunningLines:
    """Running lines of one page.

    Attributes:
        header: lines at the top, in reading order.
        footer: lines at the bottom.
    """

    header: tuple[str, ...] = ()
    footer: tuple[str, ...] = ()

    @property
    def page_number(self) -> str | None:
        """Printed page number, without dashes around it."""
        lines = (line.strip(_DASHES) for line in (*self.footer, *self.header))
        return next((line for line in lines if _is_number(line)), None)


class FirstOccurrences:
    """Determines the running lines of a document that occur first on a page.

    A line is known if the same line, digits included, is on an earlier page. Number, date and
    customer of an invoice look alike on all of its pages, but are content.
    """

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def of(self, lines: Sequence[str]) -> tuple[str, ...]:
        """Return those of a page's ``lines`` that are new and not just a page number."""
        new = tuple(line for line in lines if line not in self._seen and not _is_number(line))
        self._seen.update(lines)
        return new


def running_lines(
    items: "Iterable[TextItem]", blocks: "Sequence[LayoutBlock]", height: float
) -> RunningLines:
    """Return the lines near the edges that belong to no block of the body."""
    top, foot = height * BAND, height * (1 - BAND)
    edges = [item for item in items if not top <= item.y + item.height / 2 <= foot]
    outside = outside_of(edges, blocks)
    return RunningLines(
        header=_lines((item.text, item) for item in outside if _middle(item) < top),
        footer=_lines((item.text, item) for item in outside if _middle(item) > foot),
    )


def outside_of(items: "Iterable[TextItem]", blocks: "Iterable[LayoutBlock]") -> "list[TextItem]":
    """Return the items outside of all ``blocks``."""
    boxes = [
        (box.x - _SLACK, box.x + box.width + _SLACK, box.y - _SLACK, box.y + box.height + _SLACK)
        for block in blocks
        if (box := block.bbox) is not None
    ]
    found = []
    left = right = top = foot = nan
    for item in items:
        x, y, width, height = _BOX(item)
        x, y = x + width / 2, y + height / 2
        if left <= x <= right and top <= y <= foot:
            continue  # in the same block as the item before it
        for left, right, top, foot in boxes:
            if left <= x <= right and top <= y <= foot:
                break
        else:
            found.append(item)
    return found


def lines_of(items: "Iterable[TextItem]", width: float, height: float) -> list[str]:
    """Return items of one page as lines: upright text first, then other directions.

    Args:
        items: items in any order.
        width: width of the page in points.
        height: height of the page in points.
    """
    directions: dict[int, list[TextItem]] = {}
    diagonal = []
    for item in items:
        turn = quarter(item)
        if turn is None:
            diagonal.append(" ".join(item.text.split()))
        else:
            directions.setdefault(turn, []).append(item)
    rows = (
        _lines((item.text, upright(item, turn, width, height)) for item in directions[turn])
        for turn in sorted(directions)
    )
    return [*chain.from_iterable(rows), *diagonal]


def without_lines(text: str, lines: Sequence[str], *, from_end: bool = False) -> str:
    """Remove the first occurrence of each of ``lines`` from ``text``, ignoring spaces.

    Args:
        text: text of a page.
        lines: lines to remove.
        from_end: whether to remove the last occurrences instead.
    """
    kept = text.split("\n")
    for line in lines:
        places = range(len(kept) - 1, -1, -1) if from_end else range(len(kept))
        same = next((n for n in places if " ".join(kept[n].split()) == line), None)
        if same is not None:
            del kept[same]
    return "\n".join(kept).strip("\n")


def _lines(items: "Iterable[tuple[str, TextItem | Box]]") -> tuple[str, ...]:
    rows: list[list[tuple[float, str]]] = []
    last = float("-inf")
    for text, box in sorted(items, key=lambda item: _middle(item[1])):
        middle = _middle(box)
        if not rows or middle - last >= _height(box) / 2:
            rows.append([])
            last = middle
        rows[-1].append((box.x, text))
    ordered = (sorted(row, key=lambda item: item[0]) for row in rows)
    found = (" ".join(" ".join(text for _, text in row).split()) for row in ordered)
    return tuple(line for line in found if line)


def _is_number(line: str) -> bool:
    return _NUMBER.fullmatch(line.strip(_DASHES)) is not None


def _middle(box: "TextItem | Box") -> float:
    return float(box.y + _height(box) / 2)


def _height(box: "TextItem | Box") -> float:
    return box.h if isinstance(box, Box) else float(box.height)
