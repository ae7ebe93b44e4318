"""Second reading of Excel workbooks: comments, text boxes, charts, and skipped sheets.

xberg builds a dense table between the first and the last cell of a sheet. It skips a sheet with few
cells and a large formatted area; `Workbook` reads such a sheet cell by cell.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from docmill.contracts.warnings import WarningCode, warning
from docmill.engines.office.comparison import missing
from docmill.engines.office.drawing import paragraphs, read_drawings
from docmill.engines.office.grid import Grid, is_date_format, number_text
from docmill.engines.office.package import (
    MAX_TOTAL,
    Element,
    Package,
    UnreadablePartError,
    attribute,
    children,
    descendants,
    local,
    reject_dtd,
    tree_of,
)
from docmill.engines.office.passages import Part, Reading

_DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""Built-in number formats of dates and times (ECMA-376 18.8.30)."""
_NAME = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
_CELL = re.compile(
    rb"<(?:\w+:)?c\b([^>]*)>\s*<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v\s*></(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_REFERENCE = re.compile(rb"""\br\s*=\s*["']([A-Z]+[0-9]+)""")
_RUNNING = re.compile(rb"<(?:\w+:)?headerFooter\b.*?</(?:\w+:)?headerFooter>", re.S)
_INLINE = re.compile(rb"<(?:\w+:)?is>.*?</(?:\w+:)?is>", re.S)
_HAS_CELLS = re.compile(rb"<(?:\w+:)?(?:v|t)[\s>]")
_SECTION_CODES = re.compile(
    r'&(?:[&LCRPNDTFAZGSXYUEBI+-]|\d+|K[0-9A-Fa-f]{6}|K\d\d[+-]\d{3}|"[^"]*")'
)
"""Codes in the header of a sheet: sections, page numbers, fonts, colours (ECMA-376 18.3.1.46)."""
_NAMED = 5
"""Cells that a warning names. The others are only counted."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a workbook.

    Attributes:
        name: name on its tab.
        part: name of its part; empty if no relationship references one.
        hidden: whether Excel hides its tab.
    """

    name: str
    part: str
    hidden: bool


def sheets_of(source: Package) -> list[Sheet]:
    """Return the sheets of a workbook in order.

    Raises:
        UnreadablePartError: the workbook's main part cannot be read.
    """
    main = source.main()
    targets = {relation.id: relation.target for relation in source.relations(main)}
    return [
        Sheet(
            attribute(one, "name"),
            targets.get(next((v for k, v in one.items() if local(k) == "id"), ""), ""),
            attribute(one, "state") in {"hidden", "veryHidden"},
        )
        for one in descendants(source.xml(main), "sheet")
    ]


def read_sheets(source: Package, texts: list[str]) -> tuple[Reading, list[int]]:
    """Read the content of a workbook that xberg omits.

    Args:
        source: the workbook's package.
        texts: xberg's text without Markdown syntax, one page for each sheet.

    Returns:
        The findings, and the numbers of the sheets whose cells xberg omitted.

    Raises:
        UnreadablePartError: the workbook's main part cannot be read.
    """
    reading = Reading()
    skipped = []
    inline: list[str] = []
    seen: set[str] = set()
    for number, sheet in enumerate(sheets_of(source), start=1):
        if sheet.hidden:
            reading.inventory[Part.HIDDEN_SHEETS] += 1
            message = f"The workbook hides the sheet {sheet.name}; it is part of the result."
            reading.warnings.append(warning(WarningCode.HIDDEN_CONTENT, message, number))
        try:
            data = source.read(sheet.part)
        except UnreadablePartError:
            continue  # too large or missing: the result of xberg stands
        shown = texts[number - 1].strip() if number <= len(texts) else ""
        if not shown.replace(sheet.name, "", 1).strip() and _HAS_CELLS.search(data):
            skipped.append(number)
        _read_sheet(data, number, reading)
        inline += [text for one in _INLINE.findall(data) for text in _texts(one)]
        _read_attached_parts(source, sheet, number, reading, seen)
    _check_strings(source, inline, "\n".join(texts), skipped, reading)
    return reading, skipped


def _read_sheet(data: bytes, number: int, reading: Reading) -> None:
    """Add headers and footers, and a warning about formulas without a cached value."""
    if _FORMULA.search(data) and (cells := _CELL.findall(data)):
        reading.inventory[Part.FORMULAS_WITHOUT_VALUE] += len(cells)
        names = [m[1].decode() for cell in cells[:_NAMED] if (m := _REFERENCE.search(cell))]
        more = " …" if len(cells) > _NAMED else ""
        message = (
            f"{len(cells)} formulas have no value, because no program has calculated them: "
            f"{', '.join(names)}{more}."
        )
        reading.warnings.append(warning(WarningCode.FORMULA_WITHOUT_VALUE, message, number))
    if found := _RUNNING.search(data):
        for element in tree_of(_without_prefixes(found[0])):
            part = Part.HEADERS if local(element.tag).endswith("Header") else Part.FOOTERS
            reading.add(part, [running_text(element.text or "")], number)


def running_text(coded: str) -> str:
    """Return the text of a header or footer of a sheet without its codes."""
    plain = _SECTION_CODES.sub(lambda code: "&" if code[0] == "&&" else " ", coded)
    return " ".join(plain.split())


def _read_attached_parts(
    source: Package, sheet: Sheet, number: int, reading: Reading, seen: set[str]
) -> None:
    """Read comments and drawings, which are separate parts."""
    relations = source.relations(sheet.part)
    # A thread has a separate part, and a legacy note that repeats it on the same cell.
    relations.sort(key=lambda relation: relation.kind != "threadedComment")
    threads: set[str] = set()
    for relation in relations:
        try:
            if relation.kind == "threadedComment":
                threads |= _read_comments(source.xml(relation.target), number, reading, set())
            elif relation.kind == "comments":
                _read_comments(source.xml(relation.target), number, reading, threads)
            elif relation.kind == "drawing":
                _read_boxes(source.xml(relation.target), number, reading)
                read_drawings(source, relation.target, reading, number, seen=seen)
        except UnreadablePartError as error:
            part = Part.COMMENTS if "omment" in relation.kind else Part.TEXT_BOXES
            reading.add_unread(part, f"{relation.target}: {error}", number)
    if not any(relation.kind == "drawing" for relation in relations):
        read_drawings(source, sheet.part, reading, number, seen=seen)


def _read_comments(root: Element, number: int, reading: Reading, known: set[str]) -> set[str]:
    """Add comments except those of the cells in ``known``; return the cells with a comment."""
    cells = set()
    for element in root.iter():
        cell = attribute(element, "ref")
        if local(element.tag) in {"comment", "threadedComment"} and cell not in known:
            cells.add(cell)
            text = "".join(e.text or "" for e in element.iter() if local(e.tag) in {"t", "text"})
            reading.add(Part.COMMENTS, [text], number, cell)
    return cells


def _read_boxes(root: Element, number: int, reading: Reading) -> None:
    for shape in descendants(root, "sp"):
        reading.add(Part.TEXT_BOXES, paragraphs(shape), number)


def _check_strings(
    source: Package, inline: list[str], text: str, skipped: list[int], reading: Reading
) -> None:
    """Add strings of cells that xberg's text lacks."""
    name = next(
        (r.target for r in source.relations(source.main()) if r.kind == "sharedStrings"), ""
    )
    shared: list[str] = []
    if name:
        try:
            shared = ["".join(runs(one)) for one in children(source.xml(name), "si")]
        except UnreadablePartError:
            shared = []  # xberg has read it or reported it
    if skipped or not missing({*shared, *inline}, text):
        return
    used = _used(source)
    lost = missing({shared[i] for i in used if i < len(shared)} | set(inline), text)
    for one in sorted(lost):
        reading.put_back(one)


def _used(source: Package) -> set[int]:
    """Return the numbers of shared strings that cells reference; others are unused leftovers."""
    pattern = re.compile(
        rb"""<(?:\w+:)?c\b[^>]*\bt\s*=\s*["']s["'][^>]*>\s*<(?:\w+:)?v>\s*(\d+)\s*<"""
    )
    found: set[int] = set()
    for sheet in sheets_of(source):
        try:
            found.update(map(int, pattern.findall(source.read(sheet.part))))
        except UnreadablePartError:
            continue
    return found


def runs(item: Element) -> list[str]:
    """Return the text of a string, run by run, without phonetic hints (``rPh``)."""
    return [
        element.text or ""
        for child in item
        if local(child.tag) != "rPh"
        for element in child.iter()
        if local(element.tag) == "t"
    ]


def _texts(inline: bytes) -> list[str]:
    try:
        return ["".join(runs(tree_of(_without_prefixes(inline))))]
    except UnreadablePartError:
        return []


def _without_prefixes(fragment: bytes) -> bytes:
    """Remove prefixes from a fragment whose namespace declarations lie outside of it."""
    return re.sub(rb"(</?)\w+:|\s\w+:\w+\s*=\s*(?:\"[^\"]*\"|'[^']*')", rb"\1", fragment)


class Workbook:
    """Shared data of all sheets: strings, styles and the date system."""

    def __init__(self, source: Package) -> None:
        """Read the shared parts of a workbook.

        Raises:
            UnreadablePartError: one of them is damaged.
        """
        self._source = source
        main = source.main()
        parts = {relation.kind: relation.target for relation in source.relations(main)}
        self.sheets: list[Sheet] = sheets_of(source)
        self._strings = []
        if name := parts.get("sharedStrings"):
            tree = source.xml(name)
            self._strings = ["".join(runs(one)) for one in children(tree, "si")]
        self._dates = _date_styles(source.xml(parts["styles"])) if "styles" in parts else []
        calendar = next(descendants(source.xml(main), "workbookPr"), None)
        self._since_1904 = calendar is not None and attribute(calendar, "date1904") in {"1", "true"}

    def grid(self, sheet: Sheet, limit: int) -> Grid:
        """Return the nonempty cells of a sheet.

        Raises:
            ItemFailure: LIMIT_EXCEEDED.
            UnreadablePartError: the sheet's part is damaged.
        """
        grid = Grid(sheet.name, limit)
        for row, column, cell in _cells(self._source.read(sheet.part, most=MAX_TOTAL)):
            grid.set(row, column, self._text(cell))
        return grid

    def _text(self, cell: Element) -> str:
        kind = cell.get("t", "n")
        if kind == "inlineStr":
            return "".join("".join(runs(one)) for one in children(cell, "is"))
        value = next((child.text or "" for child in children(cell, "v")), "")
        if kind == "s":
            number = int(value) if value.isdigit() else len(self._strings)
            return self._strings[number] if number < len(self._strings) else ""
        if kind == "b":
            return {"1": "true", "0": "false"}.get(value, value)
        if kind != "n" or not value:
            return value
        style = cell.get("s", "")
        date = style.isdigit() and int(style) < len(self._dates) and self._dates[int(style)]
        try:
            return number_text(float(value), date=date, since_1904=self._since_1904)
        except (ValueError, OverflowError):
            return value


def _cells(data: bytes) -> Iterator[tuple[int, int, Element]]:
    """Yield every cell with row and column from 0; parsed rows are released."""
    reject_dtd(data)
    row = column = -1
    try:
        for event, element in ET.iterparse(io.BytesIO(data), events=("start", "end")):  # noqa: S314
            name = local(element.tag)
            if event == "start" and name == "row":
                stated = element.get("r", "")
                row, column = int(stated) - 1 if stated.isdigit() else row + 1, -1
            elif event == "end" and name == "c":
                if place := _NAME.fullmatch(element.get("r", "")):
                    column = _column(place[1])
                else:
                    column += 1
                yield row, column, element
            elif event == "end" and name == "row":
                element.clear()
    except ET.ParseError as error:
        raise UnreadablePartError(str(error)) from None


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _date_styles(root: Element) -> list[bool]:
    """Return for each cell style whether it shows a date."""
    own = {
        attribute(one, "numFmtId"): is_date_format(attribute(one, "formatCode"))
        for one in descendants(root, "numFmt")
    }
    styles = next(descendants(root, "cellXfs"), None)
    if styles is None:
        return []
    used = [attribute(one, "numFmtId") for one in styles]
    return [own.get(n, n.isdigit() and int(n) in _DATE_FORMATS) for n in used]
