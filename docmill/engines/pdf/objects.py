"""PDF content that LiteParse misses: images in form XObjects, stamps, and pdfium's word order.

Only pages that may have such content are checked: opening a PDF a second time costs more than all
other checks of its content.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pypdfium2
from pypdfium2 import raw

_MAX_OBJECTS = 200
"""Objects of a page that are examined. A scan is among the first; drawings have many."""
_MIN_IMAGE = 25.0
"""Width and height in points from which LiteParse counts an image. Smaller ones are decoration."""
_BACKGROUND = 0.9
"""Share of a page's width and height above which LiteParse takes an image for its background."""


def covered_by_forms(document: Path, numbers: Sequence[int]) -> dict[int, float]:
    """Return the share of each page that images in form XObjects cover; it may exceed 1.

    Args:
        document: a PDF without a password.
        numbers: page numbers, from 1.
    """
    return {number: _share_in_forms(page) for number, page in _pages(document, numbers)}


def texts(document: Path, numbers: Sequence[int]) -> dict[int, str]:
    """Return the text of pages in pdfium's order.

    Args:
        document: a PDF without a password.
        numbers: page numbers, from 1.
    """
    return {number: "\n".join(_lines(page)) for number, page in _pages(document, numbers)}


def texts_of_stamps(document: Path, numbers: Sequence[int]) -> dict[int, list[str]]:
    """Return the lines in the stamps of pages, without the comments of the stamps.

    Args:
        document: a PDF without a password.
        numbers: page numbers, from 1.
    """
    found: dict[int, list[str]] = {}
    for number, page in _pages(document, numbers):
        for place in reversed(range(raw.FPDFPage_GetAnnotCount(page))):
            annotation = raw.FPDFPage_GetAnnot(page, place)
            kind = raw.FPDFAnnot_GetSubtype(annotation)
            raw.FPDFPage_CloseAnnot(annotation)
            if kind != raw.FPDF_ANNOT_STAMP:
                raw.FPDFPage_RemoveAnnot(page, place)
        before = _lines(page)
        if raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY) != raw.FLATTEN_SUCCESS:
            continue
        pdf = page.pdf
        page.close()  # pdfium applies the change when the page is opened again
        with closing(pdf[number - 1]) as flat:
            found[number] = list((Counter(_lines(flat)) - Counter(before)).elements())
    return found


def _pages(document: Path, numbers: Sequence[int]) -> Iterator[tuple[int, pypdfium2.PdfPage]]:
    """Open pages one after the other; skip those that cannot be opened."""
    if not numbers:
        return
    try:
        opened = pypdfium2.PdfDocument(document)
    except pypdfium2.PdfiumError:
        return
    with closing(opened) as pdf:
        for number in numbers:
            try:
                page = pdf[number - 1]
            except (pypdfium2.PdfiumError, IndexError):
                continue
            with closing(page):
                yield number, page


def _lines(page: pypdfium2.PdfPage) -> list[str]:
    with closing(page.get_textpage()) as text:
        return [line.strip() for line in text.get_text_range().splitlines() if line.strip()]


def _share_in_forms(page: pypdfium2.PdfPage) -> float:
    width, height = page.get_size()
    try:
        objects = itertools.islice(page.get_objects(), _MAX_OBJECTS)
        images = [one for one in objects if one.type == raw.FPDF_PAGEOBJ_IMAGE and one.container]
        covered = sum(min(_area(image), width * height) for image in images)
    except pypdfium2.PdfiumError:
        return 0.0
    return float(covered / (width * height)) if width * height else 0.0


def _area(image: pypdfium2.PdfObject) -> float:
    """Return the area of an image inside forms, in square points of the page."""
    left, bottom, right, top = image.get_bounds()
    area = abs((right - left) * (top - bottom))
    form = image.container
    while form is not None:
        a, b, c, d, _, _ = form.get_matrix().get()
        area *= abs(a * d - b * c)
        form = form.container
    return float(area)
