"""Sparse grid of the cells of one sheet, and its conversion to Markdown."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from docmill.engines.office.drawing import table
from docmill.errors import FailureClass, ItemFailure

_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - sheets have no time zones
_EPOCH_1904 = datetime(1904, 1, 1)  # noqa: DTZ001
_LAST_DAY = 2_958_466
"""Excel's last day is the end of the year 9999."""


@dataclass(slots=True)
class Grid:
    """Nonempty cells of one sheet by row and column, both counted from 0.

    Attributes:
        name: name of the sheet.
        limit: maximum number of cells.
    """

    name: str
    limit: int
    rows: dict[int, dict[int, str]] = field(default_factory=dict)
    cells: int = 0

    def set(self, row: int, column: int, text: str) -> None:
        """Store a cell unless it is empty.

        Raises:
            ItemFailure: LIMIT_EXCEEDED.
        """
        if not text.strip():
            return
        self.cells += 1
        if self.cells > self.limit:
            raise too_many_cells(f"more than {self.limit}", self.limit)
        self.rows.setdefault(row, {})[column] = text

    def markdown(self) -> str:
        """Return a Markdown table of the rows and columns with content.

        Cells that lie too far apart for a table become a list.
        """
        columns = sorted({column for row in self.rows.values() for column in row})
        if len(columns) * len(self.rows) > self.limit:
            cells = [
                f"- {cell_name(row, column)}: {text}"
                for row, found in sorted(self.rows.items())
                for column, text in sorted(found.items())
            ]
            return "\n".join(cells) + "\n"
        rows = [
            [found.get(column, "") for column in columns] for _, found in sorted(self.rows.items())
        ]
        return table(rows) + "\n" if rows else ""


def too_many_cells(observed: str, limit: int) -> ItemFailure:
    """Return the failure of a document whose tables have ``observed`` cells."""
    return ItemFailure(
        FailureClass.LIMIT_EXCEEDED,
        f"A table has {observed} cells; the limit is {limit}: raise DOCMILL_MAX_CELLS.",
    )


def cell_name(row: int, column: int) -> str:
    """Return a cell's name, such as ``B7``."""
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row + 1}"


def number_text(value: float, *, date: bool, since_1904: bool = False) -> str:
    """Format a number as xberg does: dates as ISO 8601, other numbers with 15 digits."""
    if date and 0 <= value < _LAST_DAY:
        epoch = _EPOCH_1904 if since_1904 else _EPOCH
        moment = epoch + timedelta(seconds=round(value * 86400))
        if value < 1:
            return moment.strftime("%H:%M:%S")
        whole = float(value).is_integer()
        return moment.strftime("%Y-%m-%d" if whole else "%Y-%m-%d %H:%M:%S")
    if float(value).is_integer() and abs(value) < 1e15:  # noqa: PLR2004 - exact as an integer
        return str(int(value))
    return format(value, ".15g")


def is_date_format(code: str) -> bool:
    """Return whether a number format shows a date or a time."""
    plain: list[str] = []
    quoted = escaped = False
    bracket = False
    for letter in code.split(";", maxsplit=1)[0].lower():
        if escaped:
            escaped = False
        elif letter in {"\\", "_", "*"} and not quoted:
            escaped = True
        elif letter == '"':
            quoted = not quoted
        elif letter in "[]":
            bracket = letter == "["
        elif not quoted and not (bracket and letter not in "hms"):
            plain.append(letter)
    text = "".join(plain).replace("general", "")
    return any(letter in text for letter in "ydhs") or (
        "m" in text and not any(digit in text for digit in "0#?")
    )


def sheets_markdown(grids: Iterable[Grid]) -> list[str]:
    """Return each sheet as a page with its name as heading."""
    return [f"## {grid.name}\n\n{grid.markdown()}" for grid in grids]
