"""Conversion of LiteParse's native results to its Python types, limited to the fields in use.

LiteParse's own conversion creates an object for every word, colour and character code, which takes
a third of the time of the parse. Read-only values stay native objects, which have the attributes of
the Python types. Importing this module loads LiteParse.
"""

from typing import Any

from liteparse import (
    AnnotationRect,
    FormField,
    LayoutBlock,
    LayoutCell,
    ParsedPage,
    ParseResult,
    TextItem,
    WordBox,
)


def result_of(native: Any, *, movable: bool = False, words: bool = False) -> ParseResult:
    """Convert a native result.

    Args:
        native: result of LiteParse.
        movable: whether boxes can be changed; those of native runs of text cannot.
        words: whether movable runs have the boxes of their words.
    """
    return ParseResult(
        pages=[_page(page, movable=movable, words=words) for page in native.pages],
        text="",
        total_pages=native.total_pages,
        images=native.images,
        image_error_count=native.image_error_count,
        page_errors=native.page_errors,
        form_type=native.form_type,
        creator=native.creator,
        producer=native.producer,
        doc_meta=native.doc_meta,
        xfa_packets=native.xfa_packets,
    )


def _page(page: Any, *, movable: bool, words: bool) -> ParsedPage:
    fields, blocks, items = page.form_fields, page.blocks, page.text_items
    return ParsedPage(
        page_num=page.page_num,
        page_label=page.page_label,
        width=page.width,
        height=page.height,
        text=page.text,
        markdown=page.markdown,
        text_items=[_item(item, words=words) for item in items] if movable else items,
        complexity=page.complexity,
        annotations=page.annotations,
        form_fields=fields and [_field(field) for field in fields],
        blocks=blocks and [_block(block) for block in blocks],
    )


def _item(item: Any, *, words: bool) -> TextItem:
    found = TextItem(
        item.text,
        item.x,
        item.y,
        item.width,
        item.height,
        confidence=item.confidence,
        rotation=item.rotation,
    )
    if words:
        found.words = [WordBox(w.text, w.x, w.y, w.width, w.height) for w in item.words]
    return found


def _block(block: Any) -> LayoutBlock:
    header, rows, box = block.header, block.rows, block.bbox
    return LayoutBlock(
        kind=block.kind,
        text=block.text,
        level=block.level,
        ordered=block.ordered,
        marker=block.marker,
        lines=block.lines,
        lang=block.lang,
        header=header and _cells(header),
        rows=rows and [_cells(row) for row in rows],
        id=block.id,
        format=block.format,
        bbox=box and AnnotationRect(box.x, box.y, box.width, box.height),
    )


def _cells(row: Any) -> list[LayoutCell]:
    return [LayoutCell(cell.text) for cell in row]


def _field(field: Any) -> FormField:
    return FormField(
        id=field.id,
        type=field.field_type,
        page=field.page,
        annotation_index=field.annotation_index,
        widget_index=field.widget_index,
        field_flags=field.field_flags,
        name=field.name,
        alternate_name=field.alternate_name,
        value=field.value,
        checked=field.checked,
        rect=field.rect,
        selected_options=field.selected_options,
    )
