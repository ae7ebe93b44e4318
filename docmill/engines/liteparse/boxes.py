"""The boxes of a page of LiteParse, moved after it was read turned or from a picture."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from docmill.engines.rotation import Placed, turned_back

if TYPE_CHECKING:
    import liteparse

_SAME = 0.01
"""A difference of scale below which no box moves by a letter."""


def scale(page: "liteparse.ParsedPage", width: float) -> "liteparse.ParsedPage":
    """Return ``page`` in points of a page of this ``width``; its boxes are changed in place."""
    factor = width / page.width if page.width else 1.0
    if abs(factor - 1) < _SAME:
        return page
    for box in _boxes(page):
        box.x, box.y = box.x * factor, box.y * factor
        box.width, box.height = box.width * factor, box.height * factor
    page.width, page.height = page.width * factor, page.height * factor
    return page


def turn_back(
    page: "liteparse.ParsedPage", turn: int, width: float, height: float
) -> "liteparse.ParsedPage":
    """Return a page that was read turned with its boxes as they lie on the stored page.

    Its boxes are changed in place.

    Args:
        page: as it was read.
        turn: degrees clockwise by which its content appeared rotated.
        width: of the page as it is stored, in points.
        height: likewise.
    """
    for box in _boxes(page):
        back = turned_back(box, turn, width, height)
        box.x, box.y, box.width, box.height = back.x, back.y, back.w, back.h
    for item in page.text_items:
        item.rotation = (item.rotation + turn) % 360
    page.width, page.height = width, height
    return page


def _boxes(page: "liteparse.ParsedPage") -> Iterator[Placed]:
    for item in page.text_items:
        yield item
        yield from item.words
    for block in page.blocks or ():
        if block.bbox:
            yield block.bbox
