"""The number of images that a PDF shows and stores, and what its bytes reveal about it."""

import zlib
from pathlib import Path

import pytest
from PIL import Image

from docmill.engines.pdf import raw
from docmill.engines.pdf.raw import PdfBytes
from tests.engines.drawn import Pdf, line, lines, placed, written
from tests.fixtures.engines import Bench

BODY = lines(["The ledger of the harbour", "names seven lanterns"], (72, 300))
WHOLE = (0, 0, 612, 792)
GREY = Image.new("L", (8, 8), 90)


def _inline(picture: Image.Image, box: tuple[float, float, float, float]) -> str:
    """The operators that show a picture which is part of a page's content."""
    head = f"BI /W {picture.width} /H {picture.height} /CS /G /BPC 8 /F /AHx ID "
    place = f"{box[2]} 0 0 {box[3]} {box[0]} {box[1]}"
    return f"q {place} cm {head}{picture.tobytes().hex()}> EI Q\n"


def _packed(content: str, filters: str = "/Filter/FlateDecode") -> bytes:
    """A page whose content is compressed."""
    pdf = Pdf().page("")
    packed = zlib.compress(content.encode("latin-1"))
    body = f"<<{filters}/Length {len(packed)}>>\nstream\n".encode() + packed + b"\nendstream"
    pdf.objects[pdf.pages[0] - 2] = body
    return pdf.bytes()


def _with_image(content: str, subtype: str = "/Image", entries: str = "") -> bytes:
    pdf = Pdf()
    image = pdf.image(GREY)
    drawn = pdf.objects[image - 1]
    pdf.objects[image - 1] = drawn.replace(b"/Subtype/Image", f"/Subtype{subtype}".encode())
    return pdf.page(content, images={"I": image}, entries=entries).bytes()


SHOWING = {
    "a figure": (_with_image(BODY + placed("I", (72, 400, 90, 60))), 1),
    "the same one twice": (
        _with_image(BODY + placed("I", (72, 400, 90, 60)) + placed("I", (300, 400, 90, 60))),
        2,
    ),
    "a background": (_with_image(placed("I", WHOLE) + BODY), 1),
    "a background of two": (_with_image(placed("I", WHOLE) * 2 + BODY), 1),
    "a figure on a background": (
        _with_image(placed("I", WHOLE) + BODY + placed("I", (72, 400, 90, 60))),
        2,
    ),
    "a background of a page on its side": (
        _with_image(placed("I", WHOLE) + BODY, entries="/Rotate 90"),
        1,
    ),
    "a strip of a page on its side": (
        _with_image(placed("I", (0, 0, 560, 792)) + BODY, entries="/Rotate 270"),
        1,
    ),
    "an escaped name": (_with_image(BODY + placed("I", (72, 400, 90, 60)), "/Im#61ge"), 1),
    "a name as an object": (_with_image(BODY + placed("I", (72, 400, 90, 60)), " /Image"), 1),
    "inline": (Pdf().page(BODY + _inline(GREY, (72, 400, 90, 60))).bytes(), 1),
    "inline in packed content": (_packed(BODY + _inline(GREY, (72, 400, 90, 60))), 1),
    "an inline background": (_packed(_inline(GREY, WHOLE) + BODY), 1),
}
SHOWING_NONE = {
    "text alone": Pdf().page(BODY).bytes(),
    "packed text": _packed(BODY),
    "packed text, with a list of filters": _packed(BODY, "/Filter [ /FlateDecode ]"),
    "a name like the operator": Pdf().page(f"/BI BMC {BODY} EMC").bytes(),
}


@pytest.mark.parametrize(("data", "count"), SHOWING.values(), ids=SHOWING)
async def test_images_that_pages_show_are_counted_with_recognition(
    engines: Bench, data: bytes, count: int
) -> None:
    (engines.folder / "images.pdf").write_bytes(data)

    run = await engines.parse(engines.folder / "images.pdf")

    assert PdfBytes(engines.folder / "images.pdf").may_show_images()
    assert run.result.inventory["images"] == count


@pytest.mark.parametrize("kind", SHOWING)
async def test_images_of_the_file_are_counted_without_recognition(
    engines: Bench, kind: str
) -> None:
    run = await engines.parse_bytes("images.pdf", SHOWING[kind][0], tier="fast")

    assert run.result.inventory.get("images", 0) == (0 if "inline" in kind else 1)


async def test_masks_of_images_are_not_counted(engines: Bench) -> None:
    pdf = Pdf()
    image, mask = pdf.image(GREY), pdf.image(GREY)
    pdf.objects[image - 1] = pdf.objects[image - 1].replace(
        b"/Subtype/Image", f"/Subtype/Image/SMask {mask} 0 R".encode()
    )
    data = pdf.page(BODY + placed("I", (72, 400, 90, 60)), images={"I": image}).bytes()

    run = await engines.parse_bytes("masked.pdf", data, tier="fast")

    assert run.result.inventory["images"] == 1


@pytest.mark.parametrize("tier", ["fast", "cost_effective"])
@pytest.mark.parametrize("data", SHOWING_NONE.values(), ids=SHOWING_NONE)
async def test_page_without_images_has_a_count_of_zero(
    engines: Bench, data: bytes, tier: str
) -> None:
    run = await engines.parse_bytes("plain.pdf", data, tier=tier)

    assert run.result.inventory == {"pages_with_text": 1}


@pytest.mark.parametrize("data", SHOWING_NONE.values(), ids=SHOWING_NONE)
def test_plain_pdf_is_recognised_as_without_images_by_its_bytes(
    tmp_path: Path, data: bytes
) -> None:
    path = tmp_path / "plain.pdf"
    path.write_bytes(data)

    assert not PdfBytes(path).may_show_images()


@pytest.mark.parametrize(
    "data",
    [
        _packed(BODY, "/Filter[/ASCIIHexDecode/FlateDecode]"),
        _packed(BODY, "/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 4>>"),
        _packed(BODY, "/Filter 9 0 R"),
        _packed(BODY).replace(b"/Root 1 0 R", b"/Root 1 0 R/Encrypt 9 0 R"),
        _packed(BODY).replace(b"stream\nx", b"stream\n?", 1),
        Pdf().page(BODY).bytes().replace(b" 0 obj", b" 0 thing"),
    ],
    ids=["filters", "predictor", "indirect", "encrypted", "damaged", "no object"],
)
def test_undecodable_pdf_may_show_images(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "dark.pdf"
    path.write_bytes(data)

    assert PdfBytes(path).may_show_images()


@pytest.mark.parametrize("kind", SHOWING)
def test_large_pdf_is_searched_like_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = tmp_path / "large.pdf"
    path.write_bytes(SHOWING[kind][0])
    small = PdfBytes(path)
    monkeypatch.setattr(raw, "_MAX_READ", 0)

    large = PdfBytes(path)

    assert large.marks() == small.marks()
    assert large.may_show_images() is small.may_show_images() is True


async def test_inline_scan_of_a_page_is_recognised(engines: Bench) -> None:
    scan = written(["AMBER HARBOUR LEDGER", "seven lanterns of basalt"], (850, 1100))
    data = _packed(_inline(scan, WHOLE) + line("Bates 000417", (440, 20)))

    run = await engines.parse_bytes("scan.pdf", data)

    assert "Bates 000417" in run.markdown
    assert "lanterns of basalt" in run.markdown
