"""A second reading of Excel workbooks: comments, boxes, charts, and sheets that were given up."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from docmill.contracts.warnings import WarningCode, warning
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
    refuse_dtd,
    tree_of,
)
from docmill.engines.office.passages import Part, Reading
from docmill.engines.office.words import missing

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
"""Codes of a sheet's header: sections, page numbers, fonts, colours (ECMA-376, 18.3.1.46)."""
_NAMED = 5
"""Cells that a warning names; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a workbook.

    Attributes:
        name: as its tab shows it.
        part: name of its part; empty when nothing leads to one.
        hidden: whether Excel shows its tab.
    """

    name: str
    part: str
    hidden: bool


def sheets_of(source: Package) -> list[Sheet]:
    """Return the sheets of a workbook in their order.

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
    """Read what the engine leaves out of a workbook.

    Args:
        source: the workbook's package.
        texts: the engine's, without Markdown's marks, one page for each sheet.

    Returns:
        what was found, and the numbers of the sheets whose cells the engine left out.

    Raises:
        UnreadablePartError: the workbook's main part cannot be read.
    """
    reading = Reading()
    given_up = []
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
            continue  # too large to be read again, or a sheet that is missing: the engine has it
        shown = texts[number - 1].strip() if number <= len(texts) else ""
        if not shown.replace(sheet.name, "", 1).strip() and _HAS_CELLS.search(data):
            given_up.append(number)
        _read_sheet(data, number, reading)
        inline += [text for one in _INLINE.findall(data) for text in _texts(one)]
        _read_around(source, sheet, number, reading, seen)
    _check_strings(source, inline, "\n".join(texts), given_up, reading)
    return reading, given_up


def _read_sheet(data: bytes, number: int, reading: Reading) -> None:
    """Formulas that nobody has calculated yet, and what is printed above and below the sheet."""
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
    """Return the text of a sheet's header or footer without its codes."""
    plain = _SECTION_CODES.sub(lambda code: "&" if code[0] == "&&" else " ", coded)
    return " ".join(plain.split())


def _read_around(
    source: Package, sheet: Sheet, number: int, reading: Reading, seen: set[str]
) -> None:
    """Comments and drawings, which have parts of their own."""
    relations = source.relations(sheet.part)
    # A thread has its own part, and a note that repeats it for old programs, on the same cell.
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
            reading.unread(part, f"{relation.target}: {error}", number)
    if not any(relation.kind == "drawing" for relation in relations):
        read_drawings(source, sheet.part, reading, number, seen=seen)


def _read_comments(root: Element, number: int, reading: Reading, known: set[str]) -> set[str]:
    """Add comments but those of the cells in ``known``, and return the cells that have one."""
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
    source: Package, inline: list[str], text: str, given_up: list[int], reading: Reading
) -> None:
    """Put back strings of cells that are not in the engine's text."""
    name = next(
        (r.target for r in source.relations(source.main()) if r.kind == "sharedStrings"), ""
    )
    shared: list[str] = []
    if name:
        try:
            shared = ["".join(runs(one)) for one in children(source.xml(name), "si")]
        except UnreadablePartError:
            shared = []  # the engine has read it, or has said that it cannot
    if given_up or not missing({*shared, *inline}, text):
        return
    used = _used(source)
    lost = missing({shared[i] for i in used if i < len(shared)} | set(inline), text)
    for one in sorted(lost):
        reading.put_back(one)


def _used(source: Package) -> set[int]:
    """Numbers of the shared strings that cells refer to; a program may leave others behind."""
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
    """Return the text of a string, run by run; how it is pronounced (``rPh``) is not part of it."""
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
    """A piece of a part, whose namespaces were declared elsewhere."""
    return re.sub(rb"(</?)\w+:|\s\w+:\w+\s*=\s*(?:\"[^\"]*\"|'[^']*')", rb"\1", fragment)


class Workbook:
    """What the cells of all sheets refer to: strings, styles, the calendar."""

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
        """Return the cells of a sheet that hold something.

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
    """Every cell of a sheet with its row and column from 0; rows are forgotten as they go by."""
    refuse_dtd(data)
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
    """For each style of cells whether it shows a date."""
    own = {
        attribute(one, "numFmtId"): is_date_format(attribute(one, "formatCode"))
        for one in descendants(root, "numFmt")
    }
    styles = next(descendants(root, "cellXfs"), None)
    if styles is None:
        return []
    used = [attribute(one, "numFmtId") for one in styles]
    return [own.get(n, n.isdigit() and int(n) in _DATE_FORMATS) for n in used]
