"""Images with several frames, rotated images, and formats that LiteParse itself does not read."""

import pytest
from PIL import Image

from docmill.contracts.warnings import WarningCode
from docmill.errors import FailureClass, ItemFailure
from tests.engines.drawn import saved, written
from tests.fixtures.engines import Bench

SMALL = (900, 260)
TEXTS = ["first amber lantern", "second basalt compass", "third cobalt rope"]
ORIENTATION = 0x0112


def _frames(texts: list[str] = TEXTS) -> list[Image.Image]:
    return [written([text], SMALL, at=100) for text in texts]


def _oriented(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return exif


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {}),
        ("1", {"compression": "group4"}),
        ("L", {"compression": "tiff_lzw"}),
        ("L", {"big_tiff": True}),
    ],
)
async def test_every_frame_of_a_tiff_is_a_page(
    engines: Bench, mode: str, options: dict[str, object]
) -> None:
    first, *more = [frame.convert(mode) for frame in _frames()]
    data = saved(first, "TIFF", save_all=True, append_images=more, **options)

    run = await engines.parse_bytes("frames.tif", data)

    assert [page.markdown for page in run.result.pages] == TEXTS
    assert run.result.document_pages == 3
    assert run.report.warnings == []


async def test_pages_of_a_tiff_can_be_chosen_and_are_limited(engines: Bench) -> None:
    first, *more = _frames()
    data = saved(first, "TIFF", save_all=True, append_images=more)

    run = await engines.parse_bytes("frames.tif", data, page_ranges={"target_pages": "2"})

    assert [(page.page_number, page.markdown) for page in run.result.pages] == [(2, TEXTS[1])]
    with pytest.raises(ItemFailure) as failed:
        await engines.parse_bytes("frames.tif", data, page_ranges={"target_pages": "9"})
    assert failed.value.failure_class is FailureClass.PAGES_FAILED


@pytest.mark.parametrize("mode", ["P", "LA", "F", "CMYK", "I;16"])
async def test_tiff_of_any_pixel_format_is_read(engines: Bench, mode: str) -> None:
    grey = _frames()[0]
    wide = grey.convert("I").point(lambda level: level * 257).convert("I;16")
    picture = wide if mode == "I;16" else grey.convert(mode)

    run = await engines.parse_bytes("kind.tif", saved(picture, "TIFF"))

    assert run.markdown == TEXTS[0]


async def test_big_tiff_is_read(engines: Bench) -> None:
    data = saved(_frames()[0], "TIFF", big_tiff=True)
    assert data[2] == 43

    run = await engines.parse_bytes("big.tif", data)

    assert run.markdown == TEXTS[0]


async def test_big_endian_big_tiff_is_not_corrupt(engines: Bench) -> None:
    with pytest.raises(ItemFailure) as failed:
        await engines.parse_bytes("big.tif", _big_endian(_frames()[0]))

    assert failed.value.failure_class is FailureClass.UNSUPPORTED_TYPE
    assert "BigTIFF" in failed.value.message


def _big_endian(picture: Image.Image) -> bytes:
    import struct

    pixels = picture.tobytes()
    entries = [
        (256, 4, picture.width), (257, 4, picture.height), (258, 4, 8), (259, 4, 1),
        (262, 4, 1), (273, 4, 16), (277, 4, 1), (278, 4, picture.height), (279, 4, len(pixels)),
    ]  # fmt: skip
    directory = struct.pack(">Q", len(entries))
    directory += b"".join(struct.pack(">HHQI4x", tag, kind, 1, v) for tag, kind, v in entries)
    head = b"MM\0+" + struct.pack(">HHQ", 8, 0, 16 + len(pixels))
    return head + pixels + directory + struct.pack(">Q", 0)


@pytest.mark.parametrize(
    ("kind", "value", "turn"),
    [
        ("JPEG", 6, 90), ("JPEG", 3, 180), ("PNG", 8, 270), ("WEBP", 6, 90), ("TIFF", 3, 180),
    ],
)  # fmt: skip
async def test_exif_orientation_is_applied(
    engines: Bench, kind: str, value: int, turn: int
) -> None:
    lying = written(TEXTS, (1000, 420), at=60).rotate(turn, expand=True)
    data = saved(lying, kind, exif=_oriented(value))

    run = await engines.parse_bytes(f"phone.{kind.lower()}", data)

    assert all(text in " ".join(run.markdown.split()) for text in TEXTS)
    assert run.report.warnings == []
    assert (run.result.pages[0].width or 0) > (run.result.pages[0].height or 0)


@pytest.mark.parametrize("turn", [90, 180, 270])
async def test_rotated_image_is_turned_upright(engines: Bench, turn: int) -> None:
    lying = written(TEXTS, (1000, 420), at=60).rotate(turn, expand=True)

    run = await engines.parse_bytes("scan.png", saved(lying, "PNG"))

    assert all(text in " ".join(run.markdown.split()) for text in TEXTS)
    assert [w.code for w in run.report.warnings] == [WarningCode.PAGE_TURNED]


@pytest.mark.parametrize("turn", [90, 180, 270])
async def test_rotated_short_lines_are_turned_upright(engines: Bench, turn: int) -> None:
    """Upside down they look sure enough, and sideways they read well word by word."""
    lying = written(["Lot 1 zebra harbour text", "second line of words"], (1000, 420), at=60)
    data = saved(lying.rotate(turn, expand=True), "PNG")

    run = await engines.parse_bytes("scan.png", data)

    assert "zebra harbour text second line of words" in " ".join(run.markdown.split())


@pytest.mark.parametrize(("kind", "count"), [("GIF", 3), ("WEBP", 2), ("PNG", 2)])
async def test_further_frames_of_an_animation_are_reported(
    engines: Bench, kind: str, count: int
) -> None:
    first, *more = _frames()[:count]
    data = saved(first, kind, save_all=True, append_images=more)

    run = await engines.parse_bytes(f"moving.{kind.lower()}", data)

    assert "first amber lantern" in run.markdown
    (told,) = run.report.warnings
    assert told.code is WarningCode.FRAMES_NOT_READ
    assert told.message == f"The picture has {count} frames; only the first was read."


async def test_image_without_text_is_reported(engines: Bench) -> None:
    run = await engines.parse_bytes("blank.png", saved(Image.new("L", SMALL, 255), "PNG"))

    codes = {w.code for w in run.report.warnings}
    assert codes == {WarningCode.NO_TEXT, WarningCode.PAGE_WITHOUT_TEXT}
    assert run.markdown == ""
