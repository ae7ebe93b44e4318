"""Text, Markdown and CSV by the standard library."""

import csv
import io
from typing import Any

from docmill.contracts.warnings import WarningCode, warning
from docmill.engines.base import Document, Limits, ParsedPage, ParseResult
from docmill.engines.charsets import decode
from docmill.engines.clock import Clock
from docmill.engines.markdown_text import plain_text
from docmill.engines.media import PLAIN, Media
from docmill.engines.tables import markdown_table

_DIALECT_SAMPLE = 64 * 1024
_DELIMITERS = ",;\t|"


class PlainTextEngine:
    """Reads files that are text already; each is one page."""

    name = "text"
    version = "1"
    media_types: frozenset[str] = PLAIN
    honours: frozenset[str] = frozenset()

    def run(self, document: Document, parameters: dict[str, Any], limits: Limits) -> ParseResult:
        """Decode a text file, and make a table of CSV."""
        clock = Clock()
        with clock.step("decode"):
            text, charset = decode(document.path.read_bytes())
        with clock.step("render"):
            markdown, plain = _render(text.replace("\r\n", "\n"), document.media_type)
        page = ParsedPage(page_number=1, markdown=markdown, text=plain)
        return ParseResult(
            engine=self.name,
            engine_version=self.version,
            media_type=document.media_type,
            pages_total=1,
            pages_ok=1,
            pages_failed=0,
            document_pages=1,
            pages=[page],
            metadata={"charset": charset},
            warnings=[]
            if plain.strip()
            else [warning(WarningCode.NO_TEXT, "The file has no text.")],
            timings=clock.seconds,
        )


def _render(text: str, media_type: str) -> tuple[str, str]:
    if media_type == Media.CSV:
        return _render_csv(text)
    return text, plain_text(text) if media_type == Media.MARKDOWN else text


def _render_csv(text: str) -> tuple[str, str]:
    try:
        rows = [row for row in csv.reader(io.StringIO(text), _dialect(text)) if row]
    except csv.Error:
        return text, text
    return markdown_table(rows), "\n".join("\t".join(row) for row in rows)


def _dialect(text: str) -> type[csv.Dialect]:
    try:
        return csv.Sniffer().sniff(text[:_DIALECT_SAMPLE], _DELIMITERS)
    except csv.Error:
        return csv.excel
