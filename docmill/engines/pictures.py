"""Conversion of images that LiteParse reads incorrectly: several frames, EXIF rotation, BigTIFF.

They become a PDF with one upright page per frame and unchanged pixels.
"""

import struct
import warnings
import zlib
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from PIL import Image, ImageOps, ImageSequence

from docmill.contracts.media_types import Media

_ORIENTATION = 0x0112
"""EXIF tag of the orientation; 1 is upright."""
_SUBFILE = 254
_REDUCED = 1
"""TIFF tag NewSubfileType; bit 0 marks a reduced copy of another frame (TIFF 6.0, page 36)."""
_BIG = (b"II+\0", b"MM\0+")
"""Header of a BigTIFF, which has 64-bit offsets."""
_NOTHING = Image.new("L", (1, 1), 255)
_POINTS, _DPI = 72, 150
"""LiteParse assumes 150 dots per inch for images."""
_MOST_FRAMES = 10_000
_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""Exceptions of Pillow for damaged and hostile images."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Properties of an image from its header.

    Attributes:
        pages: number of frames that are pages.
        unread: number of other frames, such as those of an animation.
        plain: whether LiteParse reads the image correctly.
    """

    pages: int = 1
    unread: int = 0
    plain: bool = True


def look_at(path: Path, media: Media) -> Picture:
    """Read the header of an image. A damaged image counts as plain; LiteParse rejects it."""
    try:
        with _open_image(path) as image:
            frames = min(getattr(image, "n_frames", 1), _MOST_FRAMES)
            turned = image.getexif().get(_ORIENTATION, 1) != 1
            if media is not Media.TIFF:
                # A JPEG with several images contains previews of the first one.
                return Picture(unread=0 if media is Media.JPEG else frames - 1, plain=not turned)
            pages = sum(1 for _ in _pages(image)) if frames > 1 else 1
            plain = pages == 1 and not turned and not is_big_tiff(path)
            return Picture(pages=max(pages, 1), plain=plain)
    except _UNREADABLE:
        return Picture(plain=not is_big_tiff(path))


def as_pdf(path: Path, target: Path, wanted: Container[int] | None = None) -> bool:
    """Write a PDF with one page per frame of an image; return False if it cannot be read.

    Args:
        path: the image.
        target: the PDF.
        wanted: page numbers, from 1; other pages are empty. None means all pages.
    """
    try:
        with _open_image(path) as image, target.open("wb") as file:
            writer = _Writer(file)
            for number, frame in enumerate(_pages(image), 1):
                is_wanted = wanted is None or number in wanted
                writer.add(_flattened(ImageOps.exif_transpose(frame)) if is_wanted else _NOTHING)
            writer.close()
    except _UNREADABLE:
        return False
    return True


def is_big_tiff(path: Path) -> bool:
    """Return whether a file is a BigTIFF. Pillow reads only those in little-endian order."""
    with path.open("rb") as file:
        return file.read(len(_BIG[0])) in _BIG


def _open_image(path: Path) -> Image.Image:
    with warnings.catch_warnings():
        # Warnings about invalid tags, and about sizes up to twice the limit.
        warnings.simplefilter("ignore")
        return Image.open(path)


def _pages(image: Image.Image) -> Iterator[Image.Image]:
    """Yield the frames that are pages."""
    for number, frame in enumerate(ImageSequence.Iterator(image)):
        if number >= _MOST_FRAMES:
            return
        tags = getattr(frame, "tag_v2", {})
        if number == 0 or not tags.get(_SUBFILE, 0) & _REDUCED:
            yield frame


def _flattened(image: Image.Image) -> Image.Image:
    """Return an image in black and white, grey or RGB, with white for transparency."""
    if image.mode in {"1", "L", "RGB"}:
        return image
    if image.mode.startswith(("I", "F")):
        return _in_256_levels(image)
    if "A" in image.getbands() or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _in_256_levels(image: Image.Image) -> Image.Image:
    """Scale an image with more than 256 levels to 256, from its darkest to its lightest pixel."""
    image = image.convert("F")
    low, high = cast("tuple[float, float]", image.getextrema())
    scale = 255 / ((high - low) or 1.0)
    return image.point(lambda level: level * scale - low * scale).convert("L")


class _Writer:
    """Writes a PDF of images one by one, with one image in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._places: dict[int, int] = {}
        self._pages: list[int] = []
        file.write(b"%PDF-1.4\n")

    def add(self, image: Image.Image) -> None:
        """Add a page with the size of the image at LiteParse's resolution."""
        width, height = (side * _POINTS / _DPI for side in image.size)
        page = 3 + 3 * len(self._pages)
        space = b"/DeviceRGB" if image.mode == "RGB" else b"/DeviceGray"
        bits = 1 if image.mode == "1" else 8
        entries = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace%s/BitsPerComponent %d"
        drawn = b"q %.3f 0 0 %.3f 0 0 cm /I Do Q" % (width, height)
        self._write(
            page,
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %.3f %.3f]/Contents %d 0 R"
            b"/Resources<</XObject<</I %d 0 R>>>>>>" % (width, height, page + 1, page + 2),
        )
        self._write(page + 1, b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn))
        # Level 1: the file is read once and deleted.
        pixels = zlib.compress(image.tobytes(), 1)
        head = entries % (*image.size, space, bits) + b"/Filter/FlateDecode/Length %d" % len(pixels)
        self._write(page + 2, b"<<%s>>stream\n%s\nendstream" % (head, pixels))
        self._pages.append(page)

    def close(self) -> None:
        """Write the page tree, the catalog and the cross-reference table."""
        kids = b" ".join(b"%d 0 R" % page for page in self._pages)
        self._write(2, b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(self._pages)))
        self._write(1, b"<</Type/Catalog/Pages 2 0 R>>")
        start, size = self._file.tell(), len(self._places) + 1
        self._file.write(b"xref\n0 %d\n0000000000 65535 f \n" % size)
        for number in sorted(self._places):
            self._file.write(b"%010d 00000 n \n" % self._places[number])
        trailer = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, start)
        self._file.write(trailer)

    def _write(self, number: int, body: bytes) -> None:
        self._places[number] = self._file.tell()
        self._file.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
