"""Cells of Excel workbooks, read one by one where the engine gives a sheet up.

xberg makes a dense table of the area between a sheet's first and last cell, so that it has to
refuse a sheet of a few cells and very many formatted ones.
"""

import io
import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

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
)
from docmill.engines.office.sheets import Sheet, runs, sheets_of

_DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""Built-in number formats of dates and times (ECMA-376 18.8.30)."""
_NAME = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")


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
