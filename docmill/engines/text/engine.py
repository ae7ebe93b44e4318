"""Engine ``plain-text``: text, Markdown, CSV and XML workbooks by the standard library."""

import re
from typing import Any

from docmill.contracts.media_types import PLAIN, TABLES, Media
from docmill.contracts.warnings import WarningCode, warning
from docmill.engines.base import Document, Limits, ParsedPage, ParseResult
from docmill.engines.clock import Clock
from docmill.engines.markdown import markdown_table, plain_text
from docmill.engines.text.charsets import decode
from docmill.engines.text.delimited import rows_of
from docmill.engines.text.spreadsheet_xml import Sheet, sheets_of

_LINE_ENDS = re.compile(r"\r+\n|\r")
"""Line ends of Windows, of text converted for Windows twice, and of classic Mac OS."""
_XML_DECLARATION = re.compile(r"\s*<\?xml\b[^>]*\?>")


class PlainTextEngine:
    """Parses text files into one page, and XML workbooks into one page for each sheet."""

    name = "text"
    version = "2"
    media_types: frozenset[str] = PLAIN | TABLES
    honours: frozenset[str] = frozenset()

    def run(self, document: Document, parameters: dict[str, Any], limits: Limits) -> ParseResult:
        """Decode a text file; convert CSV and workbooks to tables.

        Raises:
            ItemFailure: CORRUPT for an XML workbook that is not well-formed.
        """
        clock = Clock()
        with clock.step("decode"):
            decoded = decode(document.path.read_bytes())
        with clock.step("render"):
            text = decoded.text
            if "\r" in text:
                text = _LINE_ENDS.sub("\n", text)
            pages = _pages(text, document.media_type)
        warnings = list(decoded.warnings)
        if not any(page.text.strip() for page in pages):
            warnings.append(warning(WarningCode.NO_TEXT, "The file has no text."))
        return ParseResult(
            engine=self.name,
            engine_version=self.version,
            media_type=document.media_type,
            pages_total=len(pages),
            pages_ok=len(pages),
            pages_failed=0,
            document_pages=len(pages),
            pages=pages,
            metadata=decoded.facts,
            inventory=decoded.inventory,
            warnings=warnings,
            timings=clock.seconds,
        )


def _pages(text: str, media_type: str) -> list[ParsedPage]:
    if media_type == Media.EXCEL_XML:
        sheets = sheets_of(_XML_DECLARATION.sub("", text, count=1)) or [Sheet("")]
        return [_sheet(number, sheet) for number, sheet in enumerate(sheets, start=1)]
    if media_type == Media.CSV:
        rows = rows_of(text)
        return [_page(1, markdown_table(rows), _tabbed(rows))]
    return [_page(1, text, plain_text(text) if media_type == Media.MARKDOWN else text)]


def _sheet(number: int, sheet: Sheet) -> ParsedPage:
    heading = [f"## {sheet.name}"] if sheet.name else []
    table = [markdown_table(sheet.rows)] if sheet.rows else []
    comments = ["\n".join(f"- {words}" for words in sheet.comments)] if sheet.comments else []
    text = [_tabbed(sheet.rows), *sheet.comments] if sheet.rows or sheet.comments else []
    return _page(number, "\n\n".join([*heading, *table, *comments]), "\n".join(text))


def _page(number: int, markdown: str, text: str) -> ParsedPage:
    return ParsedPage(page_number=number, markdown=markdown, text=text)


def _tabbed(rows: list[list[str]]) -> str:
    return "\n".join("\t".join(row) for row in rows)
