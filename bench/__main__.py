"""``python -m bench [FIGURE …]``: measure Docmill on this machine; print a table, write JSON."""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path

from bench import (
    again,
    api,
    beside,
    cold,
    content,
    cost,
    lit,
    mixed,
    noop,
    pdfs,
    sandbox,
    scan,
    small,
)
from bench.harness import Bench, run_all
from docmill.logs import configure_logs

EXAMPLES = Path(__file__).parents[1] / "examples" / "documents"
MODULES = (noop, pdfs, sandbox, lit, small, again, cost, mixed, scan, beside, api, cold, content)
FIGURES = {module.FIGURE.name: module.FIGURE for module in MODULES}


def _arguments() -> argparse.Namespace:
    corpus = os.environ.get("DOCMILL_CORPUS")
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = ", ".join(FIGURES)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"{names}; all without one")
    parser.add_argument("--rounds", type=int, default=5, help="of each side (default: 5)")
    parser.add_argument("--scale", type=float, default=1.0, help="factor of all sizes")
    parser.add_argument("--quick", action="store_true", help="smallest sizes, one round")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="where JSON goes")
    parser.add_argument(
        "--source",
        type=Path,
        default=Path(corpus, "documents") if corpus else EXAMPLES,
        help="folder of PDFs; documents in DOCMILL_CORPUS, else the examples",
    )
    args = parser.parse_args()
    args.figures = [name for given in args.figures for name in given.split(",") if name]
    if unknown := sorted(set(args.figures) - set(FIGURES)):
        parser.error(f"no figure is called {', '.join(unknown)}; there are {names}")
    return args


def main() -> None:
    """Read the arguments, measure, print."""
    args = _arguments()
    configure_logs("ERROR", "console")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that servers are stopped too
    rounds, scale = (1, 0.0) if args.quick else (args.rounds, args.scale)
    figures = [FIGURES[name] for name in args.figures or FIGURES]
    with tempfile.TemporaryDirectory(prefix="docmill-bench-") as name:
        bench = Bench(Path(name), rounds, args.source.resolve(), scale)
        worked = asyncio.run(run_all(figures, bench, args.json))
    # A process that used a Temporal client can abort in the interpreter's own shutdown.
    sys.stdout.flush()
    os._exit(0 if worked else 1)


if __name__ == "__main__":
    main()
