"""A stored parse result as the fields that ``expand`` asks for."""

from collections.abc import Callable, Collection
from typing import Any

from docmill.api.schemas.parse import (
    DocumentMetadata,
    FailedPage,
    Images,
    ItemsPage,
    ItemsPages,
    MarkdownPage,
    MarkdownPages,
    Metadata,
    MetadataPage,
    TextPage,
    TextPages,
)
from docmill.engines.base import ParsedPage, ParseResult

PAGE_BREAK = "\n\n"


def expanded(result: ParseResult, wanted: Collection[str]) -> dict[str, Any]:
    """Return the fields of a `ParseAnswer` that ``wanted`` names and a result can fill."""
    return {name: make(result) for name, make in _FIELDS.items() if name in wanted}


def markdown_full(result: ParseResult) -> str:
    """Return the Markdown of all pages as one text."""
    return PAGE_BREAK.join(page.markdown for page in result.pages if page.success)


def text_full(result: ParseResult) -> str:
    """Return the plain text of all pages as one text."""
    return PAGE_BREAK.join(page.text for page in result.pages if page.success)


def markdown(result: ParseResult) -> MarkdownPages:
    """Return the pages as Markdown."""
    return MarkdownPages(
        pages=[
            MarkdownPage(page_number=page.page_number, markdown=page.markdown)
            if page.success
            else _failed(page)
            for page in result.pages
        ]
    )


def text(result: ParseResult) -> TextPages:
    """Return the pages as plain text."""
    return TextPages(
        pages=[TextPage(page_number=page.page_number, text=page.text) for page in result.pages]
    )


def items(result: ParseResult) -> ItemsPages:
    """Return the layout elements; a page for which the engine gives none is one text element."""
    return ItemsPages(
        pages=[_items_page(page) if page.success else _failed(page) for page in result.pages]
    )


def metadata(result: ParseResult) -> Metadata:
    """Return what is known of the pages; local engines give no confidence."""
    return Metadata(
        pages=[MetadataPage(page_number=page.page_number) for page in result.pages],
        document=DocumentMetadata(),
    )


def job_metadata(result: ParseResult) -> dict[str, Any]:
    """Return facts about how the result was made."""
    return result.model_dump(mode="json", exclude={"pages"})


def _items_page(page: ParsedPage) -> ItemsPage:
    elements = page.items or [{"type": "text", "md": page.markdown, "value": page.text}]
    return ItemsPage(
        page_number=page.page_number,
        page_width=page.width or 0.0,
        page_height=page.height or 0.0,
        items=elements,
    )


def _failed(page: ParsedPage) -> FailedPage:
    return FailedPage(page_number=page.page_number, error=page.error or "The page failed.")


_FIELDS: dict[str, Callable[[ParseResult], Any]] = {
    "markdown": markdown,
    "text": text,
    "markdown_full": markdown_full,
    "text_full": text_full,
    "items": items,
    "metadata": metadata,
    "job_metadata": job_metadata,
    "forms": lambda _: {"pages": []},
    "images_content_metadata": lambda _: Images(total_count=0, images=[]),
}
