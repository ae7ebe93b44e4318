"""Engine ``xberg``: office formats, mail, EPUB, RTF and HTML, without network and OCR.

xberg omits parts of these formats. `docmill.engines.office` therefore reads each document a second
time from its source. Text that is in the source but not in xberg's output is added to the result;
content that cannot be read is named in a warning (docs/explanation/content.md).
"""

import html
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from docmill.contracts.media_types import OFFICE
from docmill.contracts.warnings import ResultWarning, WarningCode, warning
from docmill.engines import parameters
from docmill.engines.base import Document, Limits, ParsedImage, ParsedPage, ParseResult
from docmill.engines.clock import Clock
from docmill.engines.images import Album, content_type_of
from docmill.engines.office import compound_files, readers
from docmill.engines.office.draft import Draft, ReadRequest
from docmill.engines.office.normalize import normalize
from docmill.engines.office.passages import Part, joined_part, place
from docmill.engines.text.charsets import Decoded

REMOVE_NAVIGATION = "input_options.html.remove_navigation_elements"

_SKIPPED = re.compile(r"Sheet '(.*)' declared .* skipped|Skipped attachment '(.*)': no", re.S)
"""xberg's messages about a sheet or a message that it skipped and another reader can read."""
_UNREAD_CHILD = re.compile(
    r"Sheet '.*' declared|Skipped (?:OLE|embedded|attachment|nested)|Failed to extract"
    r"|Embedded object .* could not be extracted",
)
"""xberg's messages about a nested document that it could not read."""
_TITLE = re.compile(r"<title[^>]*>(.{0,500}?)</title>", re.I | re.S)
_TITLE_AREA = 64 * 1024
_METADATA = ("title", "subject", "authors", "language", "created_at", "modified_at")


class XbergEngine:
    """Parses office documents. Sheets, slides and stated page breaks become pages."""

    name = "xberg"
    version = version("xberg")
    media_types: frozenset[str] = OFFICE
    honours = frozenset(
        {
            parameters.EMBEDDED_IMAGES,
            parameters.HIDE_HEADERS,
            parameters.HIDE_FOOTERS,
            parameters.ANNOTATE_LINKS,
            REMOVE_NAVIGATION,
        }
    )

    def run(self, document: Document, parameters: dict[str, Any], limits: Limits) -> ParseResult:
        """Parse an office document.

        Raises:
            ItemFailure: ENCRYPTED, CORRUPT, LIMIT_EXCEEDED or OUT_OF_MEMORY.
        """
        clock = Clock()
        requested = _requested(parameters)
        with clock.step("extract"):
            data = compound_files.without_default_password(
                document.path.read_bytes(), document.media_type
            )
            source = normalize(data, document.media_type)
            wanted = _wants_images(document, requested)
            navigation = REMOVE_NAVIGATION in requested
            draft = readers.read(ReadRequest(source, limits, wanted, navigation))
        pages = _pages(draft, requested)
        images = _save_images(draft, document, limits) if wanted else None
        return ParseResult(
            engine=self.name,
            engine_version=self.version,
            media_type=document.media_type,
            pages_total=len(pages),
            pages_ok=len(pages),
            pages_failed=0,
            document_pages=len(pages),
            pages=pages,
            metadata=_metadata(draft, source.decoded),
            warnings=[
                *(source.decoded.warnings if source.decoded else ()),
                *_warnings(draft, pages),
                *(images.warnings if images else ()),
            ],
            timings=clock.seconds,
            images=images.images if images else [],
            inventory=_inventory(draft, source.decoded),
        )


def _requested(given: dict[str, Any]) -> frozenset[str]:
    return frozenset(parameters.requested(given))


def _wants_images(document: Document, requested: frozenset[str]) -> bool:
    return document.output_dir is not None and parameters.EMBEDDED_IMAGES in requested


def _save_images(draft: Draft, document: Document, limits: Limits) -> Album:
    """Save embedded images under the names that xberg's Markdown references."""
    album = Album(document.output_dir or Path(), limits.output_bytes)
    extracted = draft.extracted
    if extracted is None:
        return album
    shown = {i: page.page_number for page in extracted.pages or [] for i in page.image_indices}
    for image in extracted.images or []:
        if not image.data:  # an external image; nothing is fetched
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


def _pages(draft: Draft, requested: frozenset[str]) -> list[ParsedPage]:
    """Return the pages with all findings; hidden headers and footers become separate fields."""
    hidden = {
        part
        for part, parameter in (
            (Part.HEADERS, parameters.HIDE_HEADERS),
            (Part.FOOTERS, parameters.HIDE_FOOTERS),
        )
        if parameter in requested
    }
    markdown = place(draft.pages, draft.reading, elsewhere=frozenset(hidden))
    fields = {
        "header": joined_part(draft.reading, Part.HEADERS) if Part.HEADERS in hidden else None,
        "footer": joined_part(draft.reading, Part.FOOTERS) if Part.FOOTERS in hidden else None,
    }
    return [
        ParsedPage(
            page_number=number,
            markdown=page,
            text=draft.plain(page),
            **(fields if number == 1 else {}),
            **draft.stated.get(number, {}),
        )
        for number, page in enumerate(markdown, start=1)
    ]


def _metadata(draft: Draft, decoded: Decoded | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if draft.extracted is not None:
        found = {name: getattr(draft.extracted.metadata, name) for name in _METADATA}
    if decoded is not None:
        found |= decoded.facts
        if title := _TITLE.search(decoded.text[:_TITLE_AREA]):
            found["title"] = html.unescape(title[1]).strip()
    return {name: value for name, value in found.items() if value}


def _inventory(draft: Draft, decoded: Decoded | None) -> dict[str, int]:
    found = {str(part): count for part, count in sorted(draft.reading.inventory.items()) if count}
    return found | (decoded.inventory if decoded is not None else {})


def _was_replaced(message: str, draft: Draft) -> bool:
    skipped = _SKIPPED.match(message)
    return skipped is not None and bool({skipped[1], skipped[2]} & draft.filled)


def _to_warning(message: str) -> ResultWarning:
    lost = _UNREAD_CHILD.match(message)
    return warning(WarningCode.CONTENT_NOT_READ if lost else WarningCode.ENGINE_NOTE, message)


def _warnings(draft: Draft, pages: list[ParsedPage]) -> list[ResultWarning]:
    said = draft.extracted.processing_warnings if draft.extracted is not None else []
    warnings = [_to_warning(one.message) for one in said if not _was_replaced(one.message, draft)]
    warnings += [one for one in draft.reading.warnings if one not in warnings]
    put_back = sum(passage.part is Part.BODY for passage in draft.reading.passages)
    if put_back:
        message = (
            f"{put_back} paragraphs that the engine omitted were added to the end of their page."
        )
        warnings.append(warning(WarningCode.TEXT_PUT_BACK, message))
    if not any(page.text.strip() for page in pages):
        warnings.append(warning(WarningCode.NO_TEXT, "The document has no text."))
    return warnings
