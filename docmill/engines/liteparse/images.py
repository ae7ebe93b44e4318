"""Images of PDF pages: embedded images and screenshots of pages."""

from collections.abc import Sequence
from pathlib import Path

from liteparse import ExtractedImage, LiteParse, ParseError

from docmill.engines.base import Box, ParsedImage
from docmill.engines.images import Album, content_type_of

_AT_ONCE = 4
"""Pages that are drawn together; their pixels are in memory at the same time."""


def file_names(images: Sequence[ExtractedImage]) -> dict[str, str]:
    """Return the file of each image by name. Repeated images share the first one's file."""
    by_id = {image.id: image.name for image in images}
    return {image.name: by_id.get(image.duplicate_of or image.id, image.name) for image in images}


def save_embedded(images: Sequence[ExtractedImage], wanted: set[int], album: Album) -> None:
    """Save the images of the pages in ``wanted``."""
    names = file_names(images)
    data = {image.id: image.bytes for image in images}
    for image in images:
        if image.page not in wanted:
            continue
        original = image.duplicate_of or image.id
        album.save(
            ParsedImage(
                filename=names[image.name],
                category="embedded",
                content_type=content_type_of(image.format),
                page_number=image.page,
                width=image.width,
                height=image.height,
                bbox=_box(image),
            ),
            data.get(original, image.bytes),
        )


def save_screenshots(document: Path, pages: Sequence[int], album: Album) -> list[int]:
    """Save screenshots of ``pages``; return the pages that cannot be drawn."""
    failed: list[int] = []
    parser = LiteParse(quiet=True, ocr_enabled=False)
    for start in range(0, len(pages), _AT_ONCE):
        numbers = pages[start : start + _AT_ONCE]
        try:
            shots = parser.screenshot(document, page_numbers=list(numbers))
        except ParseError:
            shots = []
        failed += sorted(set(numbers) - {shot.page_num for shot in shots})
        for shot in shots:
            image = ParsedImage(
                filename=f"page_{shot.page_num}.png",
                category="screenshot",
                content_type=content_type_of("png"),
                page_number=shot.page_num,
                width=shot.width,
                height=shot.height,
            )
            album.save(image, shot.image_bytes)
    return failed


def _box(image: ExtractedImage) -> Box:
    place = image.bbox
    return Box(
        x=round(place.x, 2),
        y=round(place.y, 2),
        w=round(place.width, 2),
        h=round(place.height, 2),
    )
