"""Excel 97 to 2003 workbooks (BIFF): skipped sheets, hidden sheets and comments."""

import io
import itertools
import struct
from collections.abc import Iterator
from typing import Any

from docmill.contracts.warnings import WarningCode, warning
from docmill.engines.office.grid import Grid, number_text
from docmill.engines.office.passages import Part, Reading
from docmill.engines.office.sheets import running_text
from docmill.errors import FailureClass, ItemFailure

_BOUND_SHEET, _EOF, _DIMENSIONS, _ROW = 0x85, 0x0A, 0x200, 0x208
_TEXT_OBJECT, _CONTINUE = 0x1B6, 0x3C
_FILE_PASS = 0x2F
_RUNNING = {0x14: Part.HEADERS, 0x15: Part.FOOTERS}
_FIRST_RECORDS = 200
"""Records of a sheet before its cells. Excel writes the extent among the first thirty."""


def workbook_stream(data: bytes) -> bytes | None:
    """Return the workbook stream of an OLE file; None when it has none."""
    import olefile  # noqa: PLC0415 - loaded only for XLS files

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            for name in ("Workbook", "Book"):
                if file.exists(name):
                    return bytes(file.openstream(name).read())
    except (OSError, ValueError, IndexError, struct.error, AttributeError, TypeError):
        return None
    return None


def is_protected(stream: bytes) -> bool:
    """Return whether a workbook is encrypted, as its second record states."""
    kinds = [kind for kind, _ in itertools.islice(_records(stream, 0), 3)]
    return _FILE_PASS in kinds


def largest_extent(stream: bytes) -> int:
    """Return the largest stated extent of a sheet, in cells."""
    most = 0
    for _, place, _ in _sheets(stream):
        for number, (kind, body) in enumerate(_records(stream, place)):
            if kind == _DIMENSIONS and len(body) >= 12:  # noqa: PLR2004 - BIFF8: two longs, two words
                first_row, last_row, first, last = struct.unpack_from("<IIHH", body)
                most = max(most, (last_row - first_row) * max(0, last - first))
            if number > _FIRST_RECORDS or kind in {_ROW, _EOF, _DIMENSIONS}:
                break
    return most


def read_old_sheets(stream: bytes) -> Reading:
    """Report hidden sheets, and read headers, footers, comments and text boxes."""
    reading = Reading()
    texts = b"\xb6\x01" in stream
    for number, (name, place, hidden) in enumerate(_sheets(stream), start=1):
        if hidden:
            reading.inventory[Part.HIDDEN_SHEETS] += 1
            message = f"The workbook hides the sheet {name}; it is part of the result."
            reading.warnings.append(warning(WarningCode.HIDDEN_CONTENT, message, number))
        for part, text in _running(stream, place):
            reading.add(part, [running_text(text)], number)
        for text in _boxes(stream, place) if texts else ():
            reading.add(Part.COMMENTS, [text], number)
    return reading


def read_grids(data: bytes, limit: int) -> list[Grid]:
    """Return the nonempty cells of each sheet.

    Raises:
        ItemFailure: LIMIT_EXCEEDED, or CORRUPT.
    """
    import xlrd  # noqa: PLC0415 - loaded only for sheets that xberg skips

    try:
        book = xlrd.open_workbook(
            file_contents=data, ragged_rows=True, on_demand=True, logfile=io.StringIO()
        )
        return [_grid(book, number, limit) for number in range(book.nsheets)]
    except ItemFailure:
        raise
    except Exception as error:  # noqa: BLE001 - damage raises many types
        message = f"The workbook cannot be read: {error}."
        raise ItemFailure(FailureClass.CORRUPT, message) from None


def _grid(book: Any, number: int, limit: int) -> Grid:
    import xlrd  # noqa: PLC0415

    sheet = book.sheet_by_index(number)
    grid = Grid(sheet.name, limit)
    for row in range(sheet.nrows):
        for column, cell in enumerate(sheet.row(row)):
            if cell.ctype in {xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE}:
                date = cell.ctype == xlrd.XL_CELL_DATE
                text = number_text(cell.value, date=date, since_1904=bool(book.datemode))
            elif cell.ctype == xlrd.XL_CELL_BOOLEAN:
                text = "true" if cell.value else "false"
            elif cell.ctype == xlrd.XL_CELL_ERROR:
                text = xlrd.error_text_from_code.get(cell.value, "#ERROR")
            else:
                text = str(cell.value)
            grid.set(row, column, text)
    book.unload_sheet(number)
    return grid


def _records(stream: bytes, place: int) -> Iterator[tuple[int, bytes]]:
    while place + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, place)
        yield kind, stream[place + 4 : place + 4 + length]
        place += 4 + length


def _sheets(stream: bytes) -> Iterator[tuple[str, int, bool]]:
    """Yield name, offset of the first record, and hidden state of each sheet (BIFF8)."""
    for kind, body in _records(stream, 0):
        if kind == _EOF:
            return
        if kind == _BOUND_SHEET and len(body) > 8:  # noqa: PLR2004 - place, state, kind, length, flags
            place, state, sort, length, flags = struct.unpack_from("<IBBBB", body)
            wide = flags & 1
            raw = body[8 : 8 + length * (2 if wide else 1)]
            if sort == 0:  # a worksheet, not a chart or macro sheet
                yield (
                    raw.decode("utf-16-le" if wide else "latin-1", "replace"),
                    place,
                    state & 3 > 0,
                )


def _running(stream: bytes, place: int) -> Iterator[tuple[Part, str]]:
    """Yield the headers and footers of a sheet, which precede its cells (MS-XLS 2.4.136)."""
    for kind, body in itertools.islice(_records(stream, place), _FIRST_RECORDS):
        if kind in {_ROW, _EOF}:
            return
        if kind in _RUNNING and len(body) > 3:  # noqa: PLR2004 - the length, and how wide letters are
            length, wide = struct.unpack_from("<HB", body)
            raw = body[3 : 3 + length * (2 if wide & 1 else 1)]
            yield _RUNNING[kind], raw.decode("utf-16-le" if wide & 1 else "latin-1", "replace")


def _boxes(stream: bytes, place: int) -> Iterator[str]:
    """Yield the text of comments and text boxes, which follows a text object (MS-XLS 2.4.329)."""
    depth = 0
    awaited = 0
    for kind, body in _records(stream, place):
        depth += (kind in {0x809, 0x409, 0x209}) - (kind == _EOF)
        if kind == _EOF and depth <= 0:
            return
        if kind == _TEXT_OBJECT and len(body) >= 12:  # noqa: PLR2004 - the length of the text is here
            awaited = struct.unpack_from("<H", body, 10)[0]
        elif kind == _CONTINUE and awaited and body:
            wide = body[0] & 1
            text = body[1 : 1 + awaited * (2 if wide else 1)]
            yield text.decode("utf-16-le" if wide else "latin-1", "replace")
            awaited = 0
