"""The complete command on real PDFs, compared with liteparse's own batch command."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

from bench.harness import SLOTS, Bench, Figure, Round, Row
from bench.inputs import copies, sound
from bench.mill import time_program, time_run

LIT = Path(sys.executable).with_name("lit")
MARKDOWN = ("--format", "markdown")
EQUAL = ("--format", "json", "--extract-blocks", "--complexity")
"""Options for the same content as ``result.json``: text with boxes, blocks, page complexity."""


async def measure(bench: Bench) -> AsyncIterator[Round]:
    """Alternate the three commands on the same files, each with a new home or output folder."""
    found, count = await sound(bench.source), bench.of(1_080, 4)
    for number in range(bench.rounds):
        papers = copies(found, bench.folder / f"papers-{number}", count)
        run = await time_run(bench.folder / f"home-{number}", papers, "--tier", "fast")
        yield {
            "run": count / run.wall,
            "run CPU": run.cpu / count * 1000,
            "lit": count / await _lit(papers, *MARKDOWN),
            "lit JSON": count / await _lit(papers, *EQUAL),
        }


async def _lit(papers: Path, *options: str) -> float:
    """Return the seconds of ``lit``, without OCR."""
    output = papers.with_name(f"{papers.name}-{options[1]}")
    common = ("--no-ocr", "--num-workers", str(SLOTS), "--quiet")
    return (await time_program(LIT, "batch-parse", papers, output, *options, *common)).wall


FIGURE = Figure(
    "lit",
    (
        Row("run --tier fast, fresh home / lit to Markdown", "run", "lit", "files/s", 0.85),
        Row("run --tier fast, fresh home / lit to equal JSON", "run", "lit JSON", "files/s", 1.2),
        Row("processor time of run per file", "run CPU", unit="ms"),
    ),
    measure,
)
