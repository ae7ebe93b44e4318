"""Markdown: plain text of a page, and conversion of its tables to and from rows and HTML."""

import re
from collections.abc import Callable
from html import escape

Row = list[str]

_FENCE = re.compile(r"^\s*(```|~~~)")
_RULE = re.compile(r"^\s*\|(\s*:?-+:?\s*\|)+\s*$")
_BORDER = re.compile(r"(?<!\\)\|")
_BREAK = re.compile(r"\s*<br\s*/?>\s*", re.I)
_TABLE_RULE = re.compile(r"^\s*\|?\s*:?-{3,}:?\s*(\|\s*:?-{3,}:?\s*)*\|?\s*$")
_HEADING_OR_QUOTE = re.compile(r"^\s{0,3}(#{1,6}\s+|>\s?)")
_IMAGE = re.compile(r"\\?!\[([^\]]*)\]\([^)\s]*(?:\s+\"[^\"]*\")?\)")
_LINK = re.compile(r"\[([^\]]*)\]\([^)\s]*(?:\s+\"[^\"]*\")?\)")
_EMPHASIS = re.compile(r"(\*{1,3}|(?<!\w)_{1,3})(?=\S)(.+?)(?<=\S)\1(?!\w)")
_CODE = re.compile(r"`([^`]+)`")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!<>|~$])")


def markdown_table(rows: list[list[str]]) -> str:
    """Return ``rows`` as a Markdown table whose first row is the header; short rows are padded."""
    width = max(map(len, rows), default=0)
    if not width:
        return ""
    lines = [_markdown_row(row + [""] * (width - len(row))) for row in rows]
    return "\n".join([lines[0], _markdown_row(["---"] * width), *lines[1:]])


def html_table(rows: list[list[str]], *, has_header: bool) -> str:
    """Return ``rows`` as an HTML table; with ``has_header`` the first row is the header."""
    lines = []
    for number, row in enumerate(rows):
        tag = "th" if has_header and number == 0 else "td"
        lines.append("<tr>" + "".join(f"<{tag}>{escape(c)}</{tag}>" for c in row) + "</tr>")
    return "<table>" + "".join(lines) + "</table>"


def _markdown_row(cells: list[str]) -> str:
    inner = " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells)
    return f"| {inner} |"


def rewrite_tables(markdown: str, write: Callable[[list[Row]], str]) -> str:
    """Replace every pipe table of ``markdown`` with the result of ``write`` for its rows.

    The first row is the header. Code blocks contain no tables.
    """
    lines = markdown.split("\n")
    found: list[str] = []
    at = 0
    in_code = False
    while at < len(lines):
        in_code ^= bool(_FENCE.match(lines[at]))
        if in_code or not _begins_table(lines, at):
            found.append(lines[at])
            at += 1
            continue
        end = at + 2
        while end < len(lines) and lines[end].lstrip().startswith("|"):
            end += 1
        found.append(write([_cells(line) for line in (lines[at], *lines[at + 2 : end])]))
        at = end
    return "\n".join(found)


def as_html(rows: list[Row]) -> str:
    """Return a table as HTML."""
    return html_table([[_plain(cell) for cell in row] for row in rows], has_header=True)


def as_compact(rows: list[Row]) -> str:
    """Return a table as Markdown without padding."""
    return _lines(rows, "|", "|", "-")


def as_padded(rows: list[Row]) -> str:
    """Return a table as Markdown with one space around each cell."""
    return _lines(rows, "| ", " |", "---")


def with_separator(rows: list[Row], separator: str) -> list[Row]:
    """Replace line breaks inside cells with ``separator``."""
    return [[_BREAK.sub(lambda _: separator, cell) for cell in row] for row in rows]


def _begins_table(lines: list[str], at: int) -> bool:
    following = lines[at + 1] if at + 1 < len(lines) else ""
    return lines[at].lstrip().startswith("|") and bool(_RULE.match(following))


def _cells(line: str) -> Row:
    inner = _BORDER.split(line.strip())
    return [cell.strip() for cell in inner[1 : None if inner[-1].strip() else -1]]


def _lines(rows: list[Row], left: str, right: str, rule: str) -> str:
    between = right[:-1] + left
    rules = [rule] * len(rows[0])
    return "\n".join(left + between.join(row) + right for row in (rows[0], rules, *rows[1:]))


def _plain(cell: str) -> str:
    return cell.replace("\\|", "|")


def plain_text(markdown: str) -> str:
    """Return the text of ``markdown``; cells of a table are separated by tabs."""
    lines: list[str] = []
    in_code = False
    for line in markdown.splitlines():
        if _FENCE.match(line):
            in_code = not in_code
        elif in_code:
            lines.append(line)
        elif not _TABLE_RULE.match(line):
            lines.append(_plain_line(line))
    return "\n".join(lines).strip("\n")


def _plain_line(line: str) -> str:
    stripped = line.strip()
    if stripped.startswith("|") and stripped.endswith("|") and len(stripped) > 1:
        cells = _BORDER.split(stripped)[1:-1]
        return "\t".join(_plain_span(cell.strip()) for cell in cells)
    return _plain_span(_HEADING_OR_QUOTE.sub("", line))


def _plain_span(text: str) -> str:
    """Return a line without inline syntax. Patterns run only on lines with their character."""
    if "[" in text:
        for pattern in (_IMAGE, _LINK):
            text = pattern.sub(r"\1", text)
    if "*" in text or "_" in text:
        text = _EMPHASIS.sub(r"\2", text)
    if "`" in text:
        text = _CODE.sub(r"\1", text)
    return _ESCAPE.sub(r"\1", text) if "\\" in text else text
