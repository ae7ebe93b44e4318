"""Second reading of OpenDocument files: headers, footers, comments, notes, hidden sheets."""

import re
from collections.abc import Iterator

from docmill.contracts.warnings import WarningCode, warning
from docmill.engines.office.comparison import missing
from docmill.engines.office.grid import Grid, cell_name, number_text
from docmill.engines.office.package import (
    Element,
    Package,
    attribute,
    children,
    descendants,
    local,
)
from docmill.engines.office.passages import Part, Reading

CONTENT = "content.xml"
_STYLES = "styles.xml"
_PARAGRAPHS = frozenset({"p", "h"})
_ASIDE = frozenset({"annotation", "note", "notes", "forms"})
_NO_TEXT = frozenset({"tracked-changes", "note-citation", "ruby-text", "creator", "date"})
_SPACES = frozenset({"s", "tab", "line-break"})
_MARGINS = {"header": Part.HEADERS, "footer": Part.FOOTERS}
_DRAW_PAGE = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}page"
_OBJECT = re.compile(r"(Object [^/]+)/content\.xml", re.I)
_MAX_REPEATS = 16_384
"""Maximum repeats of a cell with content. A cell with more repeats is formatting."""


def read_text_document(root: Element, text: str, reading: Reading) -> None:
    """Add paragraphs of an OpenDocument text or drawing that xberg omitted."""
    for paragraph in missing(paragraphs(root, skip=_NO_TEXT), text):
        reading.put_back(paragraph)


def read_attached_parts(source: Package, reading: Reading) -> None:
    """Read headers, footers and charts, which are not part of the content.

    Raises:
        UnreadablePartError: the styles or an object cannot be read.
    """
    if _STYLES in source:
        _read_margins(source.xml(_STYLES), reading)
    for name in source.names:
        if _OBJECT.fullmatch(name):
            root = source.xml(name)
            if local(root.tag) != "math":  # xberg converts formulas
                reading.add(Part.CHARTS, paragraphs(root))


def _read_margins(styles: Element, reading: Reading) -> None:
    """Add each distinct header and footer of the page styles."""
    seen: set[tuple[Part, str]] = set()
    for page in descendants(styles, "master-page"):
        for element in page:
            part = _MARGINS.get(local(element.tag).split("-")[0])
            shown = attribute(element, "display") != "false"
            texts = paragraphs(element) if part and shown else []
            whole = "\n".join(texts).strip()
            if part and whole and (part, whole) not in seen:
                seen.add((part, whole))
                reading.add(part, texts, 1 if part is Part.HEADERS else None)


def is_slide(element: Element) -> bool:
    """Return whether an element is a page of a presentation or a drawing."""
    return element.tag == _DRAW_PAGE


def read_presentation(root: Element, content: str) -> tuple[list[str], Reading]:
    """Return the slides of a presentation as Markdown, and the findings about them.

    xberg's pages of a presentation hold notes only; its complete text contains all slides.

    Args:
        root: root of the content part.
        content: xberg's Markdown of the whole document.
    """
    slides = list(root.iter(_DRAW_PAGE))
    pages = [part.strip("\n") + "\n" for part in re.split(r"^-{5}$", content, flags=re.M)]
    if pages and not pages[0].strip():
        pages = pages[1:]
    if len(pages) != len(slides):
        pages = ["\n\n".join(filter(None, [content]))]
    reading = Reading()
    for number, slide in enumerate(slides, start=1):
        page = number if len(pages) == len(slides) else None
        for paragraph in missing(paragraphs(slide, skip=_NO_TEXT | _ASIDE), pages[(page or 1) - 1]):
            reading.put_back(paragraph, page)
        for notes in children(slide, "notes"):
            texts = paragraphs(notes)
            if missing(texts, pages[(page or 1) - 1]):
                reading.add(Part.SPEAKER_NOTES, texts, page)
            elif texts:
                reading.inventory[Part.SPEAKER_NOTES] += 1
        for note in descendants(slide, "annotation"):
            _add_annotation(note, reading, page)
    return pages, reading


def read_spreadsheet(root: Element, texts: list[str]) -> tuple[Reading, list[int]]:
    """Read the content of a spreadsheet that xberg omits.

    Returns:
        The findings, and the numbers of the sheets whose cells xberg omitted.
    """
    reading = Reading()
    skipped = []
    hidden = _hidden_styles(root)
    for number, sheet in enumerate(tables(root), start=1):
        name = attribute(sheet, "name")
        if attribute(sheet, "style-name") in hidden:
            reading.inventory[Part.HIDDEN_SHEETS] += 1
            message = f"The spreadsheet hides the sheet {name}; it is part of the result."
            reading.warnings.append(warning(WarningCode.HIDDEN_CONTENT, message, number))
        shown = texts[number - 1] if number <= len(texts) else ""
        lost = missing(paragraphs(sheet, skip=_NO_TEXT | _ASIDE), shown)
        if lost and not shown.replace(name, "", 1).strip():
            skipped.append(number)
        else:
            for paragraph in lost:
                reading.put_back(paragraph, number)
        for row, column, cell in _cells(sheet):
            for note in children(cell, "annotation"):
                _add_annotation(note, reading, number, cell_name(row, column))
    return reading, skipped


def tables(root: Element) -> Iterator[Element]:
    """Yield the sheets of a spreadsheet."""
    for body in descendants(root, "spreadsheet"):
        yield from children(body, "table")


def sheet_grid(sheet: Element, limit: int) -> Grid:
    """Return the nonempty cells of a sheet.

    Raises:
        ItemFailure: LIMIT_EXCEEDED.
    """
    grid = Grid(attribute(sheet, "name"), limit)
    for row, column, cell in _cells(sheet):
        grid.set(row, column, _cell_text(cell))
    return grid


def _cells(sheet: Element) -> Iterator[tuple[int, int, Element]]:
    """Yield nonempty cells with row and column from 0, repeated cells included."""
    number = 0
    for row in descendants(sheet, "table-row"):
        held: list[tuple[int, Element]] = []
        column = 0
        for cell in row:
            if local(cell.tag) not in {"table-cell", "covered-table-cell"}:
                continue
            times = _times(cell, "number-columns-repeated")
            if len(cell):
                shown = range(column, column + min(times, _MAX_REPEATS))
                held.extend((place, cell) for place in shown)
            column += times
        times = _times(row, "number-rows-repeated")
        for repeat in range(times if held else 0):
            for place, cell in held:
                yield number + repeat, place, cell
        number += times


def _times(element: Element, name: str) -> int:
    stated = attribute(element, name)
    return max(1, int(stated)) if stated.isdigit() else 1


def _cell_text(cell: Element) -> str:
    kind = attribute(cell, "value-type")
    if kind == "date":
        return attribute(cell, "date-value").replace("T", " ")
    if kind == "boolean":
        return attribute(cell, "boolean-value")
    if kind in {"float", "percentage", "currency"}:
        try:
            return number_text(float(attribute(cell, "value")), date=False)
        except (ValueError, OverflowError):
            pass
    return "\n".join(paragraphs(cell, skip=_NO_TEXT | _ASIDE))


def _hidden_styles(root: Element) -> set[str]:
    return {
        attribute(style, "name")
        for style in descendants(root, "style")
        for properties in children(style, "table-properties")
        if attribute(properties, "display") == "false"
    }


def _add_annotation(note: Element, reading: Reading, page: int | None, label: str = "") -> None:
    author = next(("".join(c.itertext()) for c in children(note, "creator")), "")
    reading.add(Part.COMMENTS, [" ".join(paragraphs(note))], page, label or author)


def paragraphs(root: Element, skip: frozenset[str] = _NO_TEXT) -> list[str]:
    """Return the text of each paragraph below ``root``; a nested paragraph follows its parent."""
    found: list[list[str]] = []
    waiting: list[tuple[Element, list[str] | None] | tuple[str, list[str]]] = [(root, None)]
    while waiting:  # iterative: hostile parts nest deeper than Python's stack
        element, paragraph = waiting.pop()
        if isinstance(element, str):
            if paragraph is not None:
                paragraph.append(element)
            continue
        name = local(element.tag)
        if paragraph is not None and element.tail:
            waiting.append((element.tail, paragraph))
        if name in skip and element is not root:
            continue
        if name in _PARAGRAPHS and "text:" in element.tag:
            paragraph = []
            found.append(paragraph)
        elif name in _SPACES and paragraph is not None:
            paragraph.append(" ")
        if paragraph is not None and element.text:
            paragraph.append(element.text)
        waiting.extend((child, paragraph) for child in reversed(element))
    return [text for text in ("".join(parts).strip() for parts in found) if text]
