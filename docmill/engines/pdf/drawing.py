"""Pages of a PDF drawn by pdfium, with their text or without it."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pypdfium2
from pypdfium2 import raw

_DPI = 150
"""That of LiteParse's own recognition: a picture's points are then those of its page."""
_POINTS = 72
_MOST_PIXELS = 40_000_000
"""A page that would have more, such as a plan, is drawn smaller: 160 MB of memory."""


def draw_pages(
    document: Path, numbers: Sequence[int], folder: Path, *, with_text: bool
) -> Iterator[tuple[int, Path]]:
    """Draw pages, one at a time, and yield each number with its picture's file (PNG).

    A page that cannot be drawn is left out.

    Args:
        document: a PDF that can be opened without a password.
        numbers: of the pages, from 1.
        folder: where the pictures go; each replaces the one before.
        with_text: whether the page's own text is drawn; its images, lines and areas always are, so
            that what is blackened stays black.
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
    if pixels > _MOST_PIXELS:
        scale *= (_MOST_PIXELS / pixels) ** 0.5
    bitmap = page.render(scale=scale, draw_annots=False, may_draw_forms=False)
    with closing(bitmap):
        # Level 1: the file is read once, by this process.
        bitmap.to_pil().save(target, compress_level=1)


def _remove_text(page: pypdfium2.PdfPage) -> None:
    # A list: removing while the objects are counted would leave every second one out.
    for text in list(page.get_objects(filter=[raw.FPDF_PAGEOBJ_TEXT])):
        page.remove_obj(text)
