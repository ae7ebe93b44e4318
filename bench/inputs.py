"""Input files: notes, unique copies of real PDFs, long PDFs, scanned books."""

import asyncio
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from bench.harness import SLOTS
from docmill.engines.base import EngineTask
from docmill.isolation.pool import EnginePool

FAST = {"tier": "fast"}
"""Parse parameters that read only text layers."""
_TEXT = (
    "the batch keeps one outcome for every file and its ledger says which of them was read after a"
    " worker had died while another one went on with the next page of this long book about rivers"
    " harbours mills and people who worked there between spring and the first snow of winter"
)
_LINES = 40
_WORDS_OF_A_LINE = 11
_FILES_OF_A_FOLDER = 1_000
_PAPER = (1240, 1754)
"""Pixels of an A4 page at 150 dots per inch."""


def write_notes(folder: Path, count: int) -> Path:
    """Write different files of one line, at most a thousand in one folder."""
    for number in range(count):
        place = folder / f"{number // _FILES_OF_A_FOLDER:04}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"note-{number:07}.txt").write_text(f"Note {number} of {folder}.\n")
    return folder


async def sound(source: Path) -> list[Path]:
    """Return the PDFs below ``source`` that the engine can read; ``lit`` stops at any other."""
    found = await asyncio.to_thread(lambda: sorted(source.rglob("*.pdf")))
    with tempfile.TemporaryDirectory() as output:
        async with EnginePool(SLOTS) as pool:
            tasks = []
            for number, path in enumerate(found):
                own = Path(output, str(number))
                own.mkdir()
                tasks.append(EngineTask("parse", str(path), path.name, str(own), FAST))
            reports = await asyncio.gather(*map(pool.run, tasks), return_exceptions=True)
    return [p for p, r in zip(found, reports, strict=True) if not isinstance(r, BaseException)]


def copies(found: Sequence[Path], folder: Path, count: int) -> Path:
    """Copy PDFs repeatedly until there are ``count``.

    A comment at the end makes the bytes of each copy unique, so that no file is skipped.
    """
    folder.mkdir(parents=True)
    for number in range(count):
        content = found[number % len(found)].read_bytes()
        (folder / f"{number:04}.pdf").write_bytes(content + f"\n% {folder} {number}\n".encode())
    return folder


def write_pdf(path: Path, pages: int, seed: int = 0) -> Path:
    """Write a PDF with pages of plain text."""
    text = random.Random(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "",
        "<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>",
    ]
    for number in range(pages):
        lines = "".join(f"({line})' " for line in _lines(text))
        drawn = f"BT /F1 11 Tf 15 TL 60 760 Td {lines}(Page {number + 1})' ET"
        objects.append(f"<</Length {len(drawn)}>>stream\n{drawn}\nendstream")
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents {len(objects)} 0 R"
            "/Resources<</Font<</F1 3 0 R>>>>>>"
        )
    kids = " ".join(f"{5 + 2 * number} 0 R" for number in range(pages))
    objects[1] = f"<</Type/Pages/Count {pages}/Kids[{kids}]>>"
    _write_objects(path, objects)
    return path


def _write_objects(path: Path, objects: Sequence[str]) -> None:
    offsets = []
    with path.open("wb") as file:
        file.write(b"%PDF-1.7\n")
        for number, body in enumerate(objects, start=1):
            offsets.append(file.tell())
            file.write(f"{number} 0 obj\n{body}\nendobj\n".encode("ascii"))
        start = file.tell()
        table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
        size = len(objects) + 1
        file.write(f"xref\n0 {size}\n0000000000 65535 f \n{table}".encode("ascii"))
        file.write(f"trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n".encode())


def write_scan(path: Path, pages: int, distinct: int) -> Path:
    """Write a scanned book: images of text without a text layer.

    Args:
        path: of the PDF.
        pages: number of pages.
        distinct: number of different pages, which are repeated in their order.
    """
    drawn = [_scanned(random.Random(number)) for number in range(min(pages, distinct))]
    book = [drawn[number % len(drawn)] for number in range(pages)]
    path.parent.mkdir(parents=True, exist_ok=True)
    book[0].save(path, save_all=True, append_images=book[1:], resolution=150)
    return path


def _scanned(text: random.Random) -> Image.Image:
    page = Image.new("L", _PAPER, 250)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=25)
    for number, line in enumerate(_lines(text)):
        draw.text((120, 120 + number * 38), line, font=font, fill=20)
    return page


def _lines(text: random.Random) -> list[str]:
    words = _TEXT.split()
    return [" ".join(text.choices(words, k=_WORDS_OF_A_LINE)) for _ in range(_LINES)]
