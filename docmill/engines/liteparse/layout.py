"""Conversion of LiteParse's layout blocks to items in LlamaCloud's vocabulary."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any

from docmill.engines.markdown import html_table, markdown_table

if TYPE_CHECKING:
    from liteparse import AnnotationRect, LayoutBlock

Item = dict[str, Any]


def items_of(
    blocks: "Iterable[LayoutBlock]", images: Mapping[str, str] | None = None
) -> list[Item]:
    """Return the items of one page in reading order. List items are gathered into lists.

    Args:
        blocks: blocks of the page.
        images: file of each image by the name in its block; a repeated image has the file of its
            first occurrence.
    """
    found: list[Item] = []
    for is_list, run in groupby(blocks, key=lambda block: block.kind == "list_item"):
        together = list(run)
        items = chain.from_iterable(_item(block, images or {}) for block in together)
        found += [_list(together)] if is_list else items
    return found


def running_items(items: list[Item], header: Sequence[str], footer: Sequence[str]) -> list[Item]:
    """Return ``items`` between items for the header and footer lines."""
    above = [_running("header", header)] if header else []
    below = [_running("footer", footer)] if footer else []
    return [*above, *items, *below]


def _running(kind: str, lines: Sequence[str]) -> Item:
    return {"type": kind, "md": "\n\n".join(lines), "items": text_items(lines)}


def text_items(lines: Iterable[str]) -> list[Item]:
    """Return items for lines that belong to no block."""
    return [{"type": "text", "md": line, "value": line} for line in lines]


def _item(block: "LayoutBlock", images: Mapping[str, str]) -> Iterator[Item]:
    box = _box(block.bbox)
    text = block.text or ""
    match block.kind:
        case "heading":
            level = block.level or 1
            md = f"{'#' * level} {text}"
            yield {"type": "heading", "level": level, "md": md, "value": text, "bbox": box}
        case "paragraph":
            yield {"type": "text", "md": text, "value": text, "bbox": box}
        case "code" | "grid_fallback":
            yield _code(block)
        case "table":
            yield _table(block)
        case "figure":
            url = f"img_{block.id}.{block.format}" if block.id else ""
            url = images.get(url, url)
            yield {"type": "image", "caption": "", "md": f"![]({url})", "url": url, "bbox": box}


def _list(blocks: "list[LayoutBlock]") -> Item:
    lines = [f"{'  ' * (block.level or 0)}{block.marker or '-'} {block.text}" for block in blocks]
    return {
        "type": "list",
        "ordered": bool(blocks[0].ordered),
        "md": "\n".join(lines),
        "items": [
            {"type": "text", "md": b.text or "", "value": b.text or "", "bbox": _box(b.bbox)}
            for b in blocks
        ],
        "bbox": [box for block in blocks for box in _box(block.bbox)],
    }


def _code(block: "LayoutBlock") -> Item:
    value = "\n".join(block.lines or [])
    item: Item = {"type": "code", "md": f"```\n{value}\n```", "value": value}
    if block.lang:
        item["language"] = block.lang
    return item | {"bbox": _box(block.bbox)}


def _table(block: "LayoutBlock") -> Item:
    cells = ([block.header] if block.header else []) + (block.rows or [])
    rows = [[cell.text for cell in row] for row in cells]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return {
        "type": "table",
        "rows": rows,
        "csv": text.getvalue(),
        "html": html_table(rows, has_header=bool(block.header)),
        "md": markdown_table(rows),
        "bbox": _box(block.bbox),
    }


def _box(rectangle: "AnnotationRect | None") -> list[dict[str, float]]:
    if rectangle is None:
        return []
    x, y = round(rectangle.x, 2), round(rectangle.y, 2)
    return [{"x": x, "y": y, "w": round(rectangle.width, 2), "h": round(rectangle.height, 2)}]
