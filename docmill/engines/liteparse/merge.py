"""Replacement of runs of text by better readings of the same areas of a page."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from docmill.engines.rotation import quarter

if TYPE_CHECKING:
    import liteparse


def with_better_runs(
    page: "liteparse.ParsedPage",
    is_bad: "Callable[[liteparse.TextItem], bool]",
    better: "Sequence[liteparse.TextItem]",
) -> "liteparse.ParsedPage":
    """Replace bad runs by better ones in the same places.

    A bad run without a better one stays. Without any replacement, the page itself is returned.

    Args:
        page: the page with its blocks.
        is_bad: whether a run may be replaced.
        better: runs of another reading of the same page, in reading order.
    """
    left = list(better)
    markdown, text, blocks = page.markdown, page.text, list(page.blocks or ())
    items = []
    for item in page.text_items:
        over = [one for one in left if _lie_together(item, one)] if is_bad(item) else []
        if not over:
            items.append(item)
            continue
        words = " ".join(one.text for one in over)
        markdown = markdown.replace(item.text, words, 1)
        text = text.replace(item.text, words, 1)
        blocks = [_block_with(block, item.text, words) for block in blocks]
        items += over
        left = [one for one in left if not any(one is taken for taken in over)]
    if len(left) == len(better):
        return page
    return replace(page, markdown=markdown, text=text, text_items=items, blocks=blocks)


def with_turned_runs(
    page: "liteparse.ParsedPage", readings: "dict[int, liteparse.ParsedPage]"
) -> "liteparse.ParsedPage":
    """Replace rotated runs of a page by those of readings in their directions.

    pdfium orders letters from left to right, so words in other directions come out of order.

    Args:
        page: the page as it was read.
        readings: readings of the rotated page by rotation, with boxes on the stored page.
    """
    for turn, reading in readings.items():
        better = [item for item in reading.text_items if quarter(item) == turn]
        page = with_better_runs(page, partial(_runs, turn=turn), better)
    return page


def _runs(item: "liteparse.TextItem", turn: int) -> bool:
    return quarter(item) == turn


def _lie_together(item: "liteparse.TextItem", other: "liteparse.TextItem") -> bool:
    """Return whether the center of one box is inside the other."""
    return _has_middle(item, other) or _has_middle(other, item)


def _has_middle(box: "liteparse.TextItem", other: "liteparse.TextItem") -> bool:
    x, y = other.x + other.width / 2, other.y + other.height / 2
    return bool(box.x <= x <= box.x + box.width and box.y <= y <= box.y + box.height)


def _block_with(block: "liteparse.LayoutBlock", old: str, new: str) -> "liteparse.LayoutBlock":
    """Replace a run of text in a block, wherever the block contains it."""
    cells = [*(block.header or ()), *(cell for row in block.rows or () for cell in row)]
    for cell in cells:
        cell.text = cell.text.replace(old, new)
    return replace(
        block,
        text=block.text and block.text.replace(old, new),
        lines=block.lines and [line.replace(old, new) for line in block.lines],
    )
