"""A document that is read in slices has the same pages as one that is read at once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from docmill.contracts.media_types import Media
from docmill.contracts.warnings import WarningCode
from docmill.engines.base import Document, Limits, ParseResult, Slice
from docmill.engines.liteparse.engine import LiteParseEngine
from docmill.engines.slices import OCR_PAGES, TEXT_PAGES, SlicePart, split
from tests.engines import documents
from tests.engines.drawn import Pdf, line, lines, placed, scanned, scanned_page, written

ENGINE = LiteParseEngine()
LIMITS = Limits(slice_from_pages=1, slice_from_ocr_pages=1)


def in_slices(document: Document, parameters: dict[str, Any]) -> ParseResult:
    """Read a document as a worker does with its processes."""
    first = ENGINE.begin(document, parameters, LIMITS)
    assert isinstance(first, SlicePart)
    slices = [Slice(tuple(pages), False) for pages in split(first.asked, TEXT_PAGES)[1:]]
    texts = [first, *(ENGINE.read_slice(document, parameters, LIMITS, one) for one in slices)]
    slices = [
        Slice(tuple(pages), True) for part in texts for pages in split(part.recognise, OCR_PAGES)
    ]
    parts = [*texts, *(ENGINE.read_slice(document, parameters, LIMITS, one) for one in slices)]
    stored = [SlicePart.model_validate_json(part.model_dump_json()) for part in parts]
    return ENGINE.join(document, parameters, LIMITS, stored)


@pytest.fixture
def written_down(tmp_path: Path) -> Callable[[bytes, Media], Document]:
    """A way to make a document of bytes."""

    def write(data: bytes, media_type: Media = Media.PDF) -> Document:
        path = tmp_path / "document"
        path.write_bytes(data)
        return Document(path, path.name, media_type)

    return write


def assert_equal(sliced: ParseResult, whole: ParseResult) -> None:
    """Compare all that does not depend on how long it took."""
    by_page = {page.page_number: page for page in sliced.pages}
    for page in whole.pages:
        assert by_page[page.page_number] == page
    ordered = [
        sorted(result.warnings, key=lambda one: (one.code, one.page or 0, one.message))
        for result in (sliced, whole)
    ]
    assert ordered[0] == ordered[1]
    same = {"pages", "warnings", "timings"}
    assert sliced.model_dump(exclude=same) == whole.model_dump(exclude=same)


def _mixed() -> bytes:
    """Text with headings and running lines, scans, and scans with a letterhead and a stamp."""
    pdf = Pdf()
    letterhead = pdf.image(written(["Harbour Company Limited"], (900, 1100), at=40))
    for number in range(30):
        running = line("The Harbour Book", (72, 770), size=9) + line(f"{number}", (300, 20), size=9)
        match number % 5:
            case 0 | 1:
                heading = line(f"Chapter {number}", (72, 700), size=24)
                body = lines([f"Amber crate {number} {n} of the harbour" for n in range(8)])
                pdf.page(running + heading + body.replace("72 700", "72 650"))
            case 2 | 3:
                scanned_page(pdf, f"The amber crate holds {number} lanterns")
            case 4:
                stamp = line(f"EXHIBIT {number}", (400, 30))
                pdf.page(placed("I", (0, 0, 612, 792)) + stamp, images={"I": letterhead})
    return pdf.bytes()


@pytest.mark.integration  # recognises text
def test_slices_of_text_and_scans_join_to_the_same_pages(
    written_down: Callable[..., Document],
) -> None:
    document = written_down(_mixed())

    whole = ENGINE.run(document, {}, Limits())
    sliced = in_slices(document, {})

    assert_equal(sliced, whole)
    added = [one.page for one in whole.warnings if one.code is WarningCode.OCR_ADDED]
    assert added == [5], "the same letterhead is recognised once"
    assert sum(page.ocr for page in whole.pages) == 13


def test_slices_of_many_text_pages_join_to_the_same_pages(
    written_down: Callable[..., Document],
) -> None:
    pages = [f"Page {n} of the harbour book, with amber crate {n * 7}" for n in range(600)]
    document = written_down(documents.handbook(*pages))

    whole = ENGINE.run(document, {}, Limits())
    sliced = in_slices(document, {"page_ranges": {"target_pages": "1-600"}})

    assert_equal(sliced, whole)
    assert whole.pages_ok == 600


@pytest.mark.integration  # recognises text
def test_frames_of_a_tiff_are_read_in_slices(written_down: Callable[..., Document]) -> None:
    document = written_down(documents.tiff(20), Media.TIFF)

    whole = ENGINE.run(document, {}, Limits())
    sliced = in_slices(document, {})

    assert_equal(sliced, whole)
    assert whole.pages_ok == 20


def test_unreadable_pages_are_failed_pages_of_their_slice(
    written_down: Callable[..., Document],
) -> None:
    document = written_down(documents.pdf_with_lost_pages(600, 3))
    parameters = {"disable_ocr": True}

    whole = ENGINE.run(document, parameters, Limits())
    sliced = in_slices(document, parameters)

    assert_equal(sliced, whole)
    assert (whole.document_pages, whole.pages_total) == (603, 603)


def test_document_is_not_sliced_when_images_are_saved(
    written_down: Callable[..., Document], tmp_path: Path
) -> None:
    document = replace(written_down(scanned(["Amber", "Basalt"])), output_dir=tmp_path)
    parameters = {"output_options": {"images_to_save": ["embedded"]}}

    found = ENGINE.begin(document, parameters, LIMITS)

    assert isinstance(found, ParseResult)
    assert len(found.images) == 2
