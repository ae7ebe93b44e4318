"""Rotated text: the rotation of a page, and the transformation of boxes."""

from collections import Counter
from collections.abc import Sequence
from operator import attrgetter
from typing import Protocol, TypeVar

from docmill.engines.base import Box

_RIGHT = 90
_WHOLE = 360
_ROTATION = attrgetter("rotation")


class Placed(Protocol):
    """An object with a box, in points from the top left corner of the page."""

    x: float
    y: float
    width: float
    height: float


class Turnable(Placed, Protocol):
    """A run of text. ``rotation`` is in degrees clockwise; 0 is text from left to right."""

    text: str
    rotation: float


_Run = TypeVar("_Run", bound=Turnable)


def quarter(item: Turnable) -> int | None:
    """Return 0, 90, 180 or 270; None for diagonal text."""
    nearest = round(item.rotation / _RIGHT) * _RIGHT
    return nearest % _WHOLE if abs(item.rotation - nearest) < 1 else None


def turned_of(items: Sequence[_Run]) -> list[_Run]:
    """Return the runs of a page that are not horizontal; most pages have none."""
    if not any(map(_ROTATION, items)):
        return []
    return [item for item in items if item.rotation]


def turn_of(items: Sequence[Turnable]) -> int:
    """Return the rotation of most of a page's text: 90, 180 or 270; 0 for an upright page."""
    letters: Counter[int | None] = Counter()
    if not any(map(_ROTATION, items)):
        return 0
    for item in items:
        letters[quarter(item)] += len(item.text)
    turn, most = max(letters.items(), key=lambda pair: pair[1], default=(0, 0))
    return turn if turn and most * 2 > letters.total() else 0


def turned_back(box: Placed, turn: int, width: float, height: float) -> Box:
    """Transform a box from the rotated page to the stored page.

    Args:
        box: box on the rotated page.
        turn: degrees clockwise by which the content of the stored page is rotated.
        width: width of the stored page in points.
        height: height of the stored page in points.
    """
    x, y, w, h = box.x, box.y, box.width, box.height
    match turn:
        case 90:
            return Box(x=width - y - h, y=x, w=h, h=w)
        case 180:
            return Box(x=width - x - w, y=height - y - h, w=w, h=h)
        case 270:
            return Box(x=y, y=height - x - w, w=h, h=w)
    return Box(x=x, y=y, w=w, h=h)


def upright(item: Placed, turn: int, width: float, height: float) -> Box:
    """Return the box of an item after a rotation that makes text of rotation ``turn`` upright."""
    back = (_WHOLE - turn) % _WHOLE
    if turn % 180:
        width, height = height, width
    return turned_back(item, back, width, height)
