"""Transformation of a page's boxes after it was read rotated, or from an image."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from docmill.engines.rotation import Placed, turned_back

if TYPE_CHECKING:
    import liteparse

_SAME = 0.01
"""A difference of scale below which no box moves by a letter."""


def scale(page: "liteparse.ParsedPage", width: float) -> "liteparse.ParsedPage":
    """Scale ``page`` to points of a page of this ``width``, in place."""
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
    """Transform the boxes of a page that was read rotated to the stored page.

    The boxes are changed in place.

    Args:
        page: the page as it was read.
        turn: degrees clockwise by which the content of the stored page is rotated.
        width: width of the stored page in points.
        height: height of the stored page in points.
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
