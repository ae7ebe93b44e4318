"""Rows of cells as Markdown and HTML."""

from html import escape


def markdown_table(rows: list[list[str]]) -> str:
    """Return ``rows`` as a Markdown table whose first row is the header; ragged rows are padded."""
    width = max(map(len, rows), default=0)
    if not width:
        return ""
    lines = [_markdown_row(row + [""] * (width - len(row))) for row in rows]
    return "\n".join([lines[0], _markdown_row(["---"] * width), *lines[1:]])


def html_table(rows: list[list[str]], *, has_header: bool) -> str:
    """Return ``rows`` as an HTML table; with ``has_header`` the first row is one of headings."""
    lines = []
    for number, row in enumerate(rows):
        tag = "th" if has_header and number == 0 else "td"
        lines.append("<tr>" + "".join(f"<{tag}>{escape(c)}</{tag}>" for c in row) + "</tr>")
    return "<table>" + "".join(lines) + "</table>"


def _markdown_row(cells: list[str]) -> str:
    inner = " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells)
    return f"| {inner} |"
