"""Conversion of a stored parse result to the fields that ``expand`` names."""

from collections.abc import Callable, Collection
from typing import Any

from docmill.api.parse.schemas import (
    DocumentMetadata,
    FailedPage,
    ImageBox,
    ImageMetadata,
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
from docmill.engines.base import ParsedImage, ParsedPage, ParseResult

PAGE_BREAK = "\n\n"


def expanded(result: ParseResult, wanted: Collection[str]) -> dict[str, Any]:
    """Return the fields of a `ParseAnswer` that ``wanted`` names and that the result has."""
    return {name: make(result) for name, make in _FIELDS.items() if name in wanted}


def markdown_full(result: ParseResult) -> str:
    """Return the Markdown of all pages as one text."""
    return _joined(result, lambda page: page.markdown)


def text_full(result: ParseResult) -> str:
    """Return the plain text of all pages as one text."""
    return _joined(result, lambda page: page.text)


def markdown(result: ParseResult) -> MarkdownPages:
    """Return the pages as Markdown."""
    return MarkdownPages(
        pages=[
            MarkdownPage(
                page_number=page.page_number,
                markdown=page.markdown,
                header=page.header,
                footer=page.footer,
            )
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
    """Return the layout elements; a page without elements becomes one text element."""
    return ItemsPages(
        pages=[_items_page(page) if page.success else _failed(page) for page in result.pages]
    )


def metadata(result: ParseResult) -> Metadata:
    """Return the metadata of the pages; only text from OCR has a confidence."""
    known = [page.confidence for page in result.pages if page.confidence is not None]
    return Metadata(
        pages=[_metadata_page(page) for page in result.pages],
        document=DocumentMetadata(confidence=sum(known) / len(known) if known else None),
    )


def _metadata_page(page: ParsedPage) -> MetadataPage:
    return MetadataPage(
        page_number=page.page_number,
        confidence=page.confidence,
        speaker_notes=page.speaker_notes,
        slide_section_name=page.section_name,
        printed_page_number=page.printed_page_number,
    )


def images(result: ParseResult, filenames: Collection[str], url_of: Callable[[str], str]) -> Images:
    """Return the saved images.

    Args:
        result: of the parse.
        filenames: names of the requested images; empty requests all.
        url_of: returns the URL of a file.
    """
    return Images(
        total_count=len(result.images),
        images=[
            _image(index, image, url_of(image.filename))
            for index, image in enumerate(result.images)
            if not filenames or image.filename in filenames
        ],
    )


def _image(index: int, image: ParsedImage, url: str) -> ImageMetadata:
    box = image.bbox
    return ImageMetadata(
        index=index,
        filename=image.filename,
        category=image.category,
        content_type=image.content_type,
        presigned_url=url,
        bbox=ImageBox(x=round(box.x), y=round(box.y), w=round(box.w), h=round(box.h))
        if box
        else None,
        page_number=image.page_number,
        width=image.width,
        height=image.height,
    )


def job_metadata(result: ParseResult) -> dict[str, Any]:
    """Return the metadata of the job: all fields of the result except its pages."""
    return result.model_dump(mode="json", exclude={"pages"})


def _joined(result: ParseResult, part: Callable[[ParsedPage], str]) -> str:
    pages = ((page.page_number, part(page)) for page in result.pages if page.success or part(page))
    return result.joining.join(pages, PAGE_BREAK)


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
}
