"""Lines that stand above and below a page's body: running titles and page numbers."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from liteparse import AnnotationRect, LayoutBlock, TextItem

BAND = 0.15
"""Share of a page's height, at its top and at its bottom, in which such lines stand."""

_SLACK = 1.0
"""Points by which boxes of the same line may differ."""
_NUMBER = re.compile(
    r"(?:page |p\. ?)?(?:[a-z]-)?(?:\d{1,5}|[ivxlc]{1,8})(?: ?(?:/|of) ?\d{1,5})?", re.I
)
_DASHES = "-\u2013\u2014 "


@dataclass(frozen=True, slots=True)
class RunningLines:
    """What was found on one page.

    Attributes:
        header: lines at the top, in reading order.
        footer: lines at the bottom.
    """

    header: tuple[str, ...] = ()
    footer: tuple[str, ...] = ()

    @property
    def page_number(self) -> str | None:
        """The number that is printed on the page, as it stands there but for dashes around it."""
        lines = (line.strip(_DASHES) for line in (*self.footer, *self.header))
        return next((line for line in lines if _NUMBER.fullmatch(line)), None)


def running_lines(
    items: Iterable[TextItem], blocks: Sequence[LayoutBlock], height: float
) -> RunningLines:
    """Return the lines near the edges that belong to no block of the page's body."""
    boxes = [block.bbox for block in blocks if block.bbox is not None]
    outside = [item for item in items if not any(_within(item, box) for box in boxes)]
    return RunningLines(
        header=_lines(item for item in outside if _middle(item) < height * BAND),
        footer=_lines(item for item in outside if _middle(item) > height * (1 - BAND)),
    )


def without_lines(text: str, lines: Sequence[str], *, from_end: bool = False) -> str:
    """Return ``text`` without the first occurrence of each of ``lines``; spaces do not matter.

    Args:
        text: a page.
        lines: what is to go.
        from_end: look for the last occurrences instead.
    """
    kept = text.split("\n")
    for line in lines:
        places = range(len(kept) - 1, -1, -1) if from_end else range(len(kept))
        same = next((n for n in places if " ".join(kept[n].split()) == line), None)
        if same is not None:
            del kept[same]
    return "\n".join(kept).strip("\n")


def _lines(items: Iterable[TextItem]) -> tuple[str, ...]:
    rows: list[list[TextItem]] = []
    for item in sorted(items, key=_middle):
        if rows and abs(_middle(rows[-1][0]) - _middle(item)) < item.height / 2:
            rows[-1].append(item)
        else:
            rows.append([item])
    ordered = (sorted(row, key=lambda item: item.x) for row in rows)
    found = (" ".join(" ".join(item.text for item in row).split()) for row in ordered)
    return tuple(line for line in found if line)


def _within(item: TextItem, box: AnnotationRect) -> bool:
    x, y = item.x + item.width / 2, _middle(item)
    return bool(
        box.x - _SLACK <= x <= box.x + box.width + _SLACK
        and box.y - _SLACK <= y <= box.y + box.height + _SLACK
    )


def _middle(item: TextItem) -> float:
    return float(item.y + item.height / 2)
