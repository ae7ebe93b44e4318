"""What a scanner makes of a page: a gray picture without a text layer."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from liteparse import LiteParse
from making.pdf import Page, write_pdf

DPI = 110
PAETH = 4
"""PNG's filter that guesses from three neighbours."""
LEVELS = 16
"""Shades of gray that are kept: enough to read, small to store."""


@dataclass(frozen=True)
class Picture:
    """A gray picture, one byte a pixel."""

    width: int
    height: int
    gray: bytes


def scan(page: Page) -> Picture:
    """Render ``page`` as a picture, using the PDF engine that Docmill brings."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "page.pdf"
        write_pdf(path, [page], title="", author="")
        (shot,) = LiteParse(dpi=DPI, quiet=True, ocr_enabled=False).screenshot(path)
    return _to_gray(shot.width, shot.height, shot.image_bytes)


def write_png(path: Path, picture: Picture) -> None:
    """Write ``picture`` as a PNG of 8-bit gray."""
    rows = (
        b"\x00" + picture.gray[start : start + picture.width]
        for start in range(0, len(picture.gray), picture.width)
    )
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 0, 0, 0, 0)
    resolution = struct.pack(">IIB", *[round(DPI / 0.0254)] * 2, 1)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"pHYs", resolution)
        + _chunk(b"IDAT", zlib.compress(b"".join(rows), 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _to_gray(width: int, height: int, png: bytes) -> Picture:
    """Decode an 8-bit RGB or RGBA PNG, as pdfium renders it, and keep its brightness."""
    colour_type = png[25]
    channels = {2: 3, 6: 4}[colour_type]
    data = zlib.decompress(b"".join(body for kind, body in _chunks(png) if kind == b"IDAT"))
    stride = width * channels
    above = bytearray(stride)
    gray = bytearray()
    for y in range(height):
        start = y * (stride + 1)
        row = bytearray(data[start + 1 : start + 1 + stride])
        _unfilter(data[start], row, above, channels)
        gray += bytes(_shade(row[x]) for x in range(0, stride, channels))
        above = row
    return Picture(width, height, bytes(gray))


def _shade(value: int) -> int:
    step = 255 / (LEVELS - 1)
    return round(round(value / step) * step)


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        found.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def _unfilter(kind: int, row: bytearray, above: bytearray, step: int) -> None:
    """Undo a PNG row filter in place (PNG specification, chapter 9)."""
    for i in range(len(row)):
        left = row[i - step] if i >= step else 0
        up, corner = above[i], above[i - step] if i >= step else 0
        if kind == PAETH:
            guess = left + up - corner
            distances = (abs(guess - left), abs(guess - up), abs(guess - corner))
            add = (left, up, corner)[distances.index(min(distances))]
        else:
            add = (0, left, up, (left + up) // 2)[kind]
        row[i] = (row[i] + add) & 255
