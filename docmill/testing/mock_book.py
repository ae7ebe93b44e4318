"""The mock engine's large documents: what is read in slices, holds on and crashes on command.

The command ``{"do": "book", "pages": 40}`` is a book whose pages are all recognised, however many
there are. With ``record`` (a path) each run appends what it reads; with ``hold`` (``page``,
``file``) the slice of a page waits until a file is there; with ``crash`` (``page``, ``times``,
``counter``) the first runs of the slice of a page end their process.
"""

import ctypes
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docmill.engines.base import Document, ParsedPage, ParseResult, Slice
from docmill.engines.selection import as_target_pages
from docmill.engines.slices import TEXT_PAGES, ReadPage, SlicePart
from docmill.testing.recording import append_line

Command = dict[str, Any]


def first_part(command: Command) -> SlicePart:
    """Return the first text layers of a book."""
    asked = list(range(1, int(command["pages"]) + 1))
    return _part(command, asked, Slice(tuple(asked[:TEXT_PAGES]), recognise=False))


def read_part(command: Command, wanted: Slice) -> SlicePart:
    """Return a slice of a book."""
    hold, crash = command.get("hold"), command.get("crash")
    part = _part(command, list(range(1, int(command["pages"]) + 1)), wanted)
    if hold and hold["page"] in wanted.pages:
        while not Path(hold["file"]).exists():
            time.sleep(0.02)
    if crash and crash["page"] in wanted.pages:
        crashes = append_line(Path(crash["counter"]), "run") <= int(crash["times"])
        while crashes:
            ctypes.string_at(0)
    return part


def whole(document: Document, parts: Iterable[SlicePart], engine: tuple[str, str]) -> ParseResult:
    """Return the result of a book: its recognised pages."""
    pages = {
        read.page.page_number: read.page for part in parts for read in part.pages if part.recognised
    }
    return ParseResult(
        engine=engine[0],
        engine_version=engine[1],
        media_type=document.media_type,
        pages_total=len(pages),
        pages_ok=len(pages),
        pages_failed=0,
        document_pages=len(pages),
        pages=[pages[number] for number in sorted(pages)],
    )


def _part(command: Command, asked: list[int], wanted: Slice) -> SlicePart:
    kind = "recognised" if wanted.recognise else "read"
    if record := command.get("record"):
        append_line(Path(record), f"{kind} {as_target_pages(list(wanted.pages))}")
    texts = {number: f"Page {number} was {kind}." for number in wanted.pages}
    return SlicePart(
        document_pages=len(asked),
        asked=asked,
        pages=[
            ReadPage(page=ParsedPage(page_number=number, markdown=text, text=text))
            for number, text in texts.items()
        ],
        recognise=[] if wanted.recognise else list(wanted.pages),
        recognised=wanted.recognise,
    )
