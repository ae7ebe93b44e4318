"""A scanned book, compared with the CPU time of its OCR divided by the number of processors."""

import asyncio
import os
import resource
import sys
import time
from collections.abc import AsyncIterator
from multiprocessing import get_context
from pathlib import Path

from bench.harness import SLOTS, Bench, Figure, Round, Row
from bench.inputs import write_scan
from bench.mill import docmill
from docmill.engines.liteparse.ocr_languages import data_folder
from docmill.isolation.environment import child_environment
from worker import running_worker

DISTINCT = 40
"""Different pages; the book repeats them, so that a sample represents it."""


async def measure(bench: Bench) -> AsyncIterator[Round]:
    """Alternate bare OCR of the different pages, and a batch of the whole book."""
    pages = bench.of(400, 4)
    distinct = min(DISTINCT, pages)
    os.environ.update({k: v for k, v in child_environment().items() if v == "1"})
    sample = write_scan(bench.folder / "sample.pdf", distinct, distinct)
    async with docmill(bench.folder) as mill:
        for number in range(bench.rounds):
            cpu = await asyncio.to_thread(_recognition_seconds, sample) * pages / distinct
            folder = bench.folder / f"book-{number}"
            book = write_scan(folder / "book.pdf", pages, distinct)
            with book.open("ab") as file:
                file.write(f"\n% {number}\n".encode())
            async with running_worker(mill.temporal, mill.settings):
                began = time.perf_counter()
                _, result = await mill.run(folder)
                took = time.perf_counter() - began
            assert result.tally.completed == 1, result
            yield {"batch": took, "ideal": cpu / SLOTS}


def _recognition_seconds(document: Path) -> float:
    """Return the CPU seconds of LiteParse's own OCR, in a separate process."""
    with get_context("spawn").Pool(1) as process:
        return process.apply(_recognise, (str(document),))


def _recognise(document: str) -> float:
    from liteparse import LiteParse  # noqa: PLC0415 - only this process needs it

    before = resource.getrusage(resource.RUSAGE_SELF)
    parser = LiteParse(
        ocr_enabled=True, tessdata_path=str(data_folder()), num_workers=1, quiet=True
    )
    if not parser.parse(document).text.strip():
        sys.exit("nothing was recognised")
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


FIGURE = Figure(
    "scan",
    (
        Row(
            "a scanned book alone / processor time of its OCR by 2",
            "batch",
            "ideal",
            "s",
            at_most=1.2,
        ),
    ),
    measure,
)
