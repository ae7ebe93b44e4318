"""Conversion of Markdown to plain text. Words and their order stay."""

import re

_FENCE = re.compile(r"^\s*(```|~~~)")
_TABLE_RULE = re.compile(r"^\s*\|?\s*:?-{3,}:?\s*(\|\s*:?-{3,}:?\s*)*\|?\s*$")
_HEADING_OR_QUOTE = re.compile(r"^\s{0,3}(#{1,6}\s+|>\s?)")
_IMAGE = re.compile(r"\\?!\[([^\]]*)\]\([^)\s]*(?:\s+\"[^\"]*\")?\)")
_LINK = re.compile(r"\[([^\]]*)\]\([^)\s]*(?:\s+\"[^\"]*\")?\)")
_EMPHASIS = re.compile(r"(\*{1,3}|(?<!\w)_{1,3})(?=\S)(.+?)(?<=\S)\1(?!\w)")
_CODE = re.compile(r"`([^`]+)`")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!<>|~$])")
_CELL_BORDER = re.compile(r"(?<!\\)\|")


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
        cells = _CELL_BORDER.split(stripped)[1:-1]
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
