"""Rendering of PDF pages by pdfium, with or without their text."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pypdfium2
from pypdfium2 import raw

_DPI = 150
"""Resolution of LiteParse's own recognition, so that points of the image are points of the page."""
_POINTS = 72
_MAX_PIXELS = 40_000_000
"""Maximum pixels of an image (160 MB of memory). Larger pages, such as plans, are scaled down."""


def draw_pages(
    document: Path, numbers: Sequence[int], folder: Path, *, with_text: bool
) -> Iterator[tuple[int, Path]]:
    """Render pages one at a time; yield each number with the file of its image (PNG).

    Pages that cannot be rendered are skipped.

    Args:
        document: a PDF without a password.
        numbers: page numbers, from 1.
        folder: folder for the images; each replaces the previous one.
        with_text: whether to render the page's own text. Images, lines and areas are always
            rendered, so that redacted text stays invisible.
    """
    target = folder / "page.png"
    try:
        opened = pypdfium2.PdfDocument(document)
    except pypdfium2.PdfiumError:
        return
    with closing(opened) as pdf:
        for number in numbers:
            try:
                with closing(pdf[number - 1]) as page:
                    if not with_text:
                        _remove_text(page)
                    _draw(page, target)
            except (pypdfium2.PdfiumError, MemoryError, OSError, ValueError, IndexError):
                continue
            yield number, target


def _draw(page: pypdfium2.PdfPage, target: Path) -> None:
    width, height = page.get_size()
    scale = _DPI / _POINTS
    pixels = width * height * scale**2
    if pixels > _MAX_PIXELS:
        scale *= (_MAX_PIXELS / pixels) ** 0.5
    bitmap = page.render(scale=scale, draw_annots=False, may_draw_forms=False)
    with closing(bitmap):
        # Level 1: only this process reads the file, once.
        bitmap.to_pil().save(target, compress_level=1)


def _remove_text(page: pypdfium2.PdfPage) -> None:
    # A list: removing objects while iterating would skip every second one.
    for text in list(page.get_objects(filter=[raw.FPDF_PAGEOBJ_TEXT])):
        page.remove_obj(text)
