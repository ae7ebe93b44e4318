"""``python -m bench``: measure what is built, on this machine, and print a table."""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from bench import content, fairness, latency, orchestration, pdfs
from bench.figures import HEAD, machine
from bench.mill import docmill
from docmill.logs import configure_logs

EXAMPLES = Path(__file__).parents[1] / "examples" / "documents"
SLOTS = 2


async def measure(items: int, papers: int, crowd: int, rounds: int, source: Path) -> None:
    """Run every measurement in one home on one server; print what is found as it is found."""
    sys.stdout.write(HEAD)
    with tempfile.TemporaryDirectory(prefix="docmill-bench-") as name:
        folder = Path(name)
        async with docmill(folder, SLOTS) as mill:
            for measuring in (
                orchestration.measure(mill, folder / "notes", items, rounds),
                latency.measure(mill, folder, rounds),
                fairness.measure(mill, folder / "crowds", crowd, rounds),
                pdfs.measure(mill, source, folder / "pdfs", papers, rounds),
            ):
                for figure in await measuring:
                    sys.stdout.write(figure.row())
                sys.stdout.flush()
    words = await asyncio.to_thread(lambda: content.measure(sorted(source.rglob("*.pdf"))))
    for figure in words.figures():
        sys.stdout.write(figure.row())
    sys.stdout.write(f"\n{machine()}\n")
    sys.stdout.flush()


def main() -> None:
    """Read the arguments, measure, print."""
    corpus = os.environ.get("DOCMILL_CORPUS")
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only check that it works")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--crowd", type=int, default=250, help="items that a small batch meets")
    parser.add_argument("--papers", type=int, default=250, help="PDFs of one round")
    parser.add_argument(
        "--source",
        type=Path,
        default=Path(corpus, "documents") if corpus else EXAMPLES,
        help="folder of the PDFs; documents in DOCMILL_CORPUS, else the examples",
    )
    args = parser.parse_args()
    configure_logs("ERROR", "console")
    sizes = (args.items, args.papers, args.crowd, args.rounds)
    items, papers, crowd, rounds = (20, 4, 8, 1) if args.quick else sizes
    asyncio.run(measure(items, papers, crowd, rounds, args.source))
    # A process that used a Temporal client can abort in the interpreter's own shutdown.
    os._exit(0)


if __name__ == "__main__":
    main()
