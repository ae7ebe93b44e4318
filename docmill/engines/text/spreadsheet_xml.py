"""Excel 2003 XML workbooks (SpreadsheetML): values and comments of cells."""

from dataclasses import dataclass, field
from xml.parsers import expat

from docmill.errors import FailureClass, ItemFailure

_SPACE = "urn:schemas-microsoft-com:office:spreadsheet"
_SHEET, _ROW, _CELL = (f"{_SPACE} {name}" for name in ("Worksheet", "Row", "Cell"))
_DATA, _COMMENT = f"{_SPACE} Data", f"{_SPACE} Comment"
_NAME, _INDEX, _MERGED = (f"{_SPACE} {name}" for name in ("Name", "Index", "MergeAcross"))
_MAX_COLUMNS = 16_384
"""Columns of a sheet in Excel. A larger index is damage."""
_BLOCK = 1024 * 1024


@dataclass(slots=True)
class Sheet:
    """A sheet with its name, its nonempty rows, and the comments of its cells."""

    name: str
    rows: list[list[str]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)


def sheets_of(xml: str) -> list[Sheet]:
    """Return the sheets of a workbook.

    Raises:
        ItemFailure: CORRUPT when it is not well-formed.
    """
    reader = _Reader()
    parser = expat.ParserCreate("utf-8", " ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        for start in range(0, len(xml), _BLOCK):
            parser.Parse(xml[start : start + _BLOCK].encode("utf-8", "replace"))
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise ItemFailure(FailureClass.CORRUPT, f"The XML is damaged: {error}.") from None
    return reader.sheets


class _Reader:
    def __init__(self) -> None:
        self.sheets: list[Sheet] = []
        self._row: list[str] = []
        self._skip = 0
        self._words: list[str] = []
        self._reading = False
        self._in_comment = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == _SHEET:
            self.sheets.append(Sheet(attributes.get(_NAME, "")))
        elif name == _ROW:
            self._row, self._skip = [], 0
        elif name == _CELL:
            column = _number(attributes.get(_INDEX)) - 1
            self._row += [""] * max(self._skip, column - len(self._row), 0)
            self._skip = _number(attributes.get(_MERGED))
            self._row.append("")
        elif name == _COMMENT:
            self._in_comment = True
        elif name == _DATA:
            self._words, self._reading = [], True

    def text(self, words: str) -> None:
        if self._reading:
            self._words.append(words)

    def end(self, name: str) -> None:
        if name == _DATA:
            self._reading = False
            words = "".join(self._words)
            if self._in_comment and self.sheets:
                self.sheets[-1].comments.append(" ".join(words.split()))
            elif self._row:
                self._row[-1] = words
        elif name == _COMMENT:
            self._in_comment = False
        elif name == _ROW and self.sheets and any(map(str.strip, self._row)):
            self.sheets[-1].rows.append(self._row)


def _number(text: str | None) -> int:
    return min(int(text), _MAX_COLUMNS) if text and text.isdecimal() else 0
