"""Runs of a page's text replaced by better readings of the same places."""

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
    """Return a page on which bad runs gave way to better ones that lie on them.

    A bad run on which none lies stays. The page itself comes back when nothing was replaced.

    Args:
        page: with its blocks.
        is_bad: which runs may give way.
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
    """Return a page whose runs in other directions are those of readings in these directions.

    pdfium orders letters from left to right: words that run otherwise come out of order.

    Args:
        page: as it was read.
        readings: the same page read turned, by the turn, with boxes as they lie on the page.
    """
    for turn, reading in readings.items():
        better = [item for item in reading.text_items if quarter(item) == turn]
        page = with_better_runs(page, partial(_runs, turn=turn), better)
    return page


def _runs(item: "liteparse.TextItem", turn: int) -> bool:
    return quarter(item) == turn


def _lie_together(item: "liteparse.TextItem", other: "liteparse.TextItem") -> bool:
    """Whether the middle of one box lies in the other."""
    return _has_middle(item, other) or _has_middle(other, item)


def _has_middle(box: "liteparse.TextItem", other: "liteparse.TextItem") -> bool:
    x, y = other.x + other.width / 2, other.y + other.height / 2
    return bool(box.x <= x <= box.x + box.width and box.y <= y <= box.y + box.height)


def _block_with(block: "liteparse.LayoutBlock", old: str, new: str) -> "liteparse.LayoutBlock":
    """Return a block with one run of its text replaced, wherever the block keeps it."""
    cells = [*(block.header or ()), *(cell for row in block.rows or () for cell in row)]
    for cell in cells:
        cell.text = cell.text.replace(old, new)
    return replace(
        block,
        text=block.text and block.text.replace(old, new),
        lines=block.lines and [line.replace(old, new) for line in block.lines],
    )
