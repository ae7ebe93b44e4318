"""Office formats, mail, EPUB, RTF and HTML by xberg, without network and without OCR.

xberg leaves out parts of these formats. Each document is therefore read a second time, from its
source, by `docmill.engines.office`: what is in the source and not in xberg's text is put back, or
named in a warning (docs/explanation/content.md).
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
from docmill.engines.office import compound_files, families
from docmill.engines.office.drafts import Draft, Job
from docmill.engines.office.passages import Part, place, running
from docmill.engines.office.readable import readable
from docmill.engines.text.charsets import Decoded

REMOVE_NAVIGATION = "input_options.html.remove_navigation_elements"

_GIVEN_UP = re.compile(r"Sheet '(.*)' declared .* skipped|Skipped attachment '(.*)': no", re.S)
"""The engine's words for a sheet, and for a message, that have to be read by another reader."""
_LOSSES = re.compile(
    r"Sheet '.*' declared|Skipped (?:OLE|embedded|attachment|nested)|Failed to extract"
    r"|Embedded object .* could not be extracted",
)
"""Its words for a document inside the document that it has not read."""
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
            REMOVE_NAVIGATION,
        }
    )

    def run(self, document: Document, parameters: dict[str, Any], limits: Limits) -> ParseResult:
        """Parse an office document.

        Raises:
            ItemFailure: ENCRYPTED, CORRUPT, LIMIT_EXCEEDED or OUT_OF_MEMORY.
        """
        clock = Clock()
        asked = _asked(parameters)
        with clock.step("extract"):
            data = compound_files.unprotected(document.path.read_bytes(), document.media_type)
            source = readable(data, document.media_type)
            wanted = _wants_images(document, asked)
            navigation = REMOVE_NAVIGATION in asked
            draft = families.read(Job(source, limits, wanted, navigation))
        pages = _pages(draft, asked)
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


def _asked(given: dict[str, Any]) -> frozenset[str]:
    return frozenset(parameters.asked(given))


def _wants_images(document: Document, asked: frozenset[str]) -> bool:
    return document.output_dir is not None and parameters.EMBEDDED_IMAGES in asked


def _save_images(draft: Draft, document: Document, limits: Limits) -> Album:
    """Save what is embedded; xberg's Markdown points to these names."""
    album = Album(document.output_dir or Path(), limits.output_bytes)
    extracted = draft.extracted
    if extracted is None:
        return album
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


def _pages(draft: Draft, asked: frozenset[str]) -> list[ParsedPage]:
    """The pages with what the second reading found; hidden running lines stand beside them."""
    hidden = {
        part
        for part, parameter in (
            (Part.HEADERS, parameters.HIDE_HEADERS),
            (Part.FOOTERS, parameters.HIDE_FOOTERS),
        )
        if parameter in asked
    }
    markdown = place(draft.pages, draft.reading, elsewhere=frozenset(hidden))
    beside = {
        "header": running(draft.reading, Part.HEADERS) if Part.HEADERS in hidden else None,
        "footer": running(draft.reading, Part.FOOTERS) if Part.FOOTERS in hidden else None,
    }
    return [
        ParsedPage(
            page_number=number,
            markdown=page,
            text=draft.plain(page),
            **(beside if number == 1 else {}),
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


def _is_filled(message: str, draft: Draft) -> bool:
    given_up = _GIVEN_UP.match(message)
    return given_up is not None and bool({given_up[1], given_up[2]} & draft.filled)


def _coded(message: str) -> ResultWarning:
    lost = _LOSSES.match(message)
    return warning(WarningCode.CONTENT_NOT_READ if lost else WarningCode.ENGINE_NOTE, message)


def _warnings(draft: Draft, pages: list[ParsedPage]) -> list[ResultWarning]:
    said = draft.extracted.processing_warnings if draft.extracted is not None else []
    warnings = [_coded(one.message) for one in said if not _is_filled(one.message, draft)]
    warnings += [one for one in draft.reading.warnings if one not in warnings]
    put_back = sum(passage.part is Part.BODY for passage in draft.reading.passages)
    if put_back:
        message = f"{put_back} paragraphs that the engine left out stand at the end of their page."
        warnings.append(warning(WarningCode.TEXT_PUT_BACK, message))
    if not any(page.text.strip() for page in pages):
        warnings.append(warning(WarningCode.NO_TEXT, "The document has no text."))
    return warnings
