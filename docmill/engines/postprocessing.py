"""Common postprocessing of results: format of tables, and separators of pages."""

from typing import Any

from docmill.engines.base import Joining, ParsedPage, ParseResult
from docmill.engines.markdown import (
    Row,
    as_compact,
    as_html,
    as_padded,
    rewrite_tables,
    with_separator,
)

JOINING = ("page_separator", "page_prefix", "page_suffix")


def shape(result: ParseResult, parameters: dict[str, Any]) -> ParseResult:
    """Return ``result`` in the format that ``parameters`` request."""
    joining = Joining(
        separator=parameters.get("page_separator"),
        prefix=parameters.get("page_prefix") or "",
        suffix=parameters.get("page_suffix") or "",
    )
    failed = parameters.get("replace_failed_page_mode") == "error_message"
    tables = ((parameters.get("output_options") or {}).get("markdown") or {}).get("tables") or {}
    pages = [_with_table_format(page, tables) for page in result.pages]
    if failed:
        pages = [page if page.success else _with_error_content(page) for page in pages]
    return result.model_copy(update={"pages": pages, "joining": joining})


def _with_table_format(page: ParsedPage, tables: dict[str, Any]) -> ParsedPage:
    separator = tables.get("markdown_table_multiline_separator")
    as_markdown = tables.get("output_tables_as_markdown") is not False
    compact = bool(tables.get("compact_markdown_tables"))
    if as_markdown and not compact and separator is None:
        return page

    def write(rows: list[Row]) -> str:
        if separator is not None:
            rows = with_separator(rows, separator)
        if not as_markdown:
            return as_html(rows)
        return as_compact(rows) if compact else as_padded(rows)

    return page.model_copy(update={"markdown": rewrite_tables(page.markdown, write)})


def _with_error_content(page: ParsedPage) -> ParsedPage:
    """Return a failed page with its error as content."""
    return page.model_copy(update={"markdown": page.error or "", "text": page.error or ""})
