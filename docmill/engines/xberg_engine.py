"""Office formats, mail, EPUB, RTF and HTML by xberg, without network and without OCR."""

import asyncio
import html
import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docmill.contracts.warnings import ResultWarning, WarningCode, notes, warning
from docmill.engines import parameters
from docmill.engines.base import Document, Limits, ParsedImage, ParsedPage, ParseResult
from docmill.engines.clock import Clock
from docmill.engines.images import Album, content_type_of
from docmill.engines.markdown_text import plain_text
from docmill.engines.media import OFFICE, Media
from docmill.engines.readable import Readable, readable
from docmill.errors import FailureClass, ItemFailure

if TYPE_CHECKING:
    import xberg

_MAX_HTML = 50 * 1024 * 1024
"""xberg's time for HTML grows faster than its size: these take half a minute."""

_ENCRYPTED = re.compile(r"password|encrypt|decrypt", re.I)
_TOO_LARGE_INSIDE = re.compile(r"security limit|exceeds limit|zip bomb|compression ratio", re.I)
_OUT_OF_MEMORY = re.compile(r"out of memory|cannot allocate", re.I)
_TITLE = re.compile(r"<title[^>]*>(.{0,500}?)</title>", re.I | re.S)
_TITLE_AREA = 64 * 1024
_METADATA = ("title", "subject", "authors", "language", "created_at", "modified_at")


class XbergEngine:
    """Reads office documents; sheets, slides and stated page breaks become pages."""

    name = "xberg"
    version = version("xberg")
    media_types: frozenset[str] = OFFICE
    honours = frozenset(
        {
            parameters.EMBEDDED_IMAGES,
            parameters.HIDE_HEADERS,
            parameters.HIDE_FOOTERS,
            parameters.ANNOTATE_LINKS,
            "input_options.html.remove_navigation_elements",
        }
    )

    def run(self, document: Document, parameters: dict[str, Any], limits: Limits) -> ParseResult:
        """Parse an office document.

        Raises:
            ItemFailure: ENCRYPTED, CORRUPT or OUT_OF_MEMORY.
        """
        clock = Clock()
        source = readable(document.path.read_bytes(), document.media_type)
        with clock.step("extract"):
            wanted = _wants_images(document, parameters)
            extracted = _extract(source.data, source.media_type, with_images=wanted)
        pages = _pages(extracted)
        images = _save_images(extracted, document, limits) if wanted else None
        return ParseResult(
            engine=self.name,
            engine_version=self.version,
            media_type=document.media_type,
            pages_total=len(pages),
            pages_ok=len(pages),
            pages_failed=0,
            document_pages=len(pages),
            pages=pages,
            metadata=_metadata(extracted, source),
            inventory=source.decoded.inventory if source.decoded else {},
            warnings=[
                *(source.decoded.warnings if source.decoded else ()),
                *_warnings(extracted, pages),
                *(images.warnings if images else ()),
            ],
            timings=clock.seconds,
            images=images.images if images else [],
        )


def _extract(data: bytes, media_type: str, *, with_images: bool) -> "xberg.ExtractedDocument":
    import xberg  # noqa: PLC0415 - a child that never sees an office file never loads it

    if media_type == Media.HTML and len(data) > _MAX_HTML:
        raise ItemFailure(
            FailureClass.ENGINE_ERROR,
            f"The HTML has {len(data) // 2**20} MiB; the engine reads {_MAX_HTML // 2**20} MiB.",
        )
    config = xberg.ExtractionConfig(
        disable_ocr=True,
        use_cache=False,
        output_format="markdown",
        pages=xberg.PageConfig(extract_pages=True),
        images=xberg.ImageExtractionConfig(run_ocr_on_images=False) if with_images else None,
        # Otherwise the Markdown of HTML begins with a block of its meta tags.
        html_options=xberg.ConversionOptions(extract_metadata=False),
    )
    # Bytes and never an address: xberg has an HTTP client of its own.
    given = xberg.ExtractInput(kind="bytes", bytes=data, mime_type=media_type)
    try:
        extraction = asyncio.run(xberg.extract(given, config))
    except (RuntimeError, xberg.XbergError) as error:
        raise _failure_of(str(error)) from None
    if extraction.errors or not extraction.results:
        raise _failure_of("; ".join(error.message for error in extraction.errors))
    return extraction.results[0]


def _wants_images(document: Document, given: dict[str, Any]) -> bool:
    return document.output_dir is not None and parameters.EMBEDDED_IMAGES in parameters.asked(given)


def _save_images(extracted: "xberg.ExtractedDocument", document: Document, limits: Limits) -> Album:
    """Save what is embedded; xberg's Markdown points to these names."""
    album = Album(document.output_dir or Path(), limits.output_bytes)
    shown = {i: page.page_number for page in extracted.pages or [] for i in page.image_indices}
    for image in extracted.images or []:
        if not image.data:  # it lies elsewhere, and nothing is fetched
            continue
        extension = image.format.lower() if image.format.isalnum() else "bin"
        saved = ParsedImage(
            filename=f"image_{image.image_index}.{extension}",
            category="embedded",
            content_type=content_type_of(extension),
            page_number=image.page_number or shown.get(image.image_index),
            width=image.width,
            height=image.height,
        )
        album.save(saved, image.data)
    return album


def _pages(extracted: "xberg.ExtractedDocument") -> list[ParsedPage]:
    """The document's own pages, sheets or slides; one page where it has none."""
    pages = extracted.pages or []
    if not any(page.content.strip() for page in pages):
        return [_page(1, extracted.content)]
    return [
        _page(
            number,
            _with_sheet_name(page.sheet_name, page.content),
            speaker_notes=page.speaker_notes,
            section_name=page.section_name,
        )
        for number, page in enumerate(pages, start=1)
    ]


def _page(number: int, markdown: str, **stated: str | None) -> ParsedPage:
    return ParsedPage(page_number=number, markdown=markdown, text=plain_text(markdown), **stated)


def _with_sheet_name(name: str | None, markdown: str) -> str:
    return f"## {name}\n\n{markdown}" if name else markdown


def _metadata(extracted: "xberg.ExtractedDocument", source: Readable) -> dict[str, Any]:
    found = {name: getattr(extracted.metadata, name) for name in _METADATA}
    if source.decoded:
        found |= source.decoded.facts
        if title := _TITLE.search(source.decoded.text[:_TITLE_AREA]):
            found["title"] = html.unescape(title[1]).strip()
    return {name: value for name, value in found.items() if value}


def _warnings(extracted: "xberg.ExtractedDocument", pages: list[ParsedPage]) -> list[ResultWarning]:
    warnings = notes(one.message for one in extracted.processing_warnings)
    if not any(page.text.strip() for page in pages):
        warnings.append(warning(WarningCode.NO_TEXT, "The document has no text."))
    return warnings


def _failure_of(message: str) -> ItemFailure:
    if _ENCRYPTED.search(message):
        return ItemFailure(FailureClass.ENCRYPTED)
    if _OUT_OF_MEMORY.search(message):
        return ItemFailure(FailureClass.OUT_OF_MEMORY)
    if _TOO_LARGE_INSIDE.search(message):
        return ItemFailure(FailureClass.CORRUPT, f"The file unpacks to too much: {message}.")
    return ItemFailure(FailureClass.CORRUPT, f"The file cannot be read: {message}.")
