"""The benchmark harness: rounds, ratios with targets, one table and one JSON file.

A figure measures its sides alternately, round by round, and yields the results of each round. A
ratio is the median of the ratios of all rounds, so that a slower machine affects both sides.
"""

import json
import os
import platform
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

Round = Mapping[str, float]
"""Results of one round, by the name of the side: items per second, seconds, bytes."""

HEAD = (
    "| figure | what | median | lowest to highest | target | sides |\n|---|---|---|---|---|---|\n"
)
SLOTS = 2
"""Engine slots of Docmill, and processes of the programs that it is compared with."""
_EXACT_BELOW = 100


@dataclass(frozen=True)
class Bench:
    """Settings of a benchmark run.

    Attributes:
        folder: for the files of a figure; empty when it starts. Files are kept until all figures
            are measured: for minutes after many were deleted, ext4 without a journal takes many
            times longer to create others.
        rounds: number of measurements of each side.
        source: folder of real PDFs.
        scale: factor of all sizes; 0 means the smallest useful sizes.
    """

    folder: Path
    rounds: int
    source: Path
    scale: float = 1.0

    def of(self, full: int, least: int) -> int:
        """Return ``full`` multiplied by the scale, and at least ``least``."""
        return max(least, round(full * self.scale))


@dataclass(frozen=True)
class Row:
    """One row of the table: a side, or the ratio of two sides.

    Attributes:
        what: description.
        over: the side, or the numerator of a ratio.
        under: the denominator; None for a single side.
        unit: of the sides.
        at_least: target of a figure that should be high.
        at_most: target of a figure that should be low.
    """

    what: str
    over: str
    under: str | None = None
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    def values(self, rounds: Sequence[Round]) -> list[float]:
        """Return the figure of each round."""
        if self.under is None:
            return [found[self.over] for found in rounds]
        return [found[self.over] / found[self.under] for found in rounds]

    @property
    def target(self) -> str:
        """The target in words."""
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return "" if self.at_most is None else f"at most {self.at_most:g}"

    def met(self, value: float) -> bool | None:
        """Whether ``value`` meets the target; None without a target."""
        if self.at_least is not None:
            return value >= self.at_least
        return None if self.at_most is None else value <= self.at_most

    def line(self, figure: str, rounds: Sequence[Round]) -> str:
        """Return the row of Markdown."""
        values = self.values(rounds)
        value = median(values)
        verdict = {None: "", True: ", met", False: ", missed"}[self.met(value)]
        sides = ""
        unit = f" {self.unit}" if self.unit else ""
        if self.under is not None:
            upper, lower = (median(r[side] for r in rounds) for side in (self.over, self.under))
            sides, unit = f"{_number(upper)} / {_number(lower)}{unit}", ""
        spread = f"{_number(min(values))} to {_number(max(values))}"
        cells = (figure, self.what, _number(value) + unit, spread, self.target + verdict, sides)
        return "| " + " | ".join(cells) + " |\n"

    def as_json(self, rounds: Sequence[Round]) -> dict[str, Any]:
        """Return the figure for the file."""
        values = self.values(rounds)
        value = median(values)
        limits = {"at_least": self.at_least, "at_most": self.at_most}
        unit = self.unit if self.under is None else "ratio"
        found = {"median": value, "rounds": values, "unit": unit, "met": self.met(value)}
        return {"what": self.what, "over": self.over, "under": self.under} | found | limits


@dataclass(frozen=True)
class Figure:
    """One measurement.

    Attributes:
        name: on the command line.
        rows: of the table.
        measure: yields the results of each round.
    """

    name: str
    rows: Sequence[Row]
    measure: Callable[[Bench], AsyncIterator[Round]]

    async def run(self, bench: Bench) -> list[Round]:
        """Measure in a folder of this figure."""
        mine = replace(bench, folder=bench.folder / self.name)
        mine.folder.mkdir(parents=True)
        return [found async for found in self.measure(mine)]


async def run_all(figures: Sequence[Figure], bench: Bench, into: Path | None) -> bool:
    """Measure the figures one after the other, and print each; return whether all succeeded.

    Args:
        figures: to measure.
        bench: settings.
        into: the JSON file, written after each figure.
    """
    report: dict[str, Any] = {"machine": machine(), "began": datetime.now(UTC).isoformat()}
    report |= {"rounds": bench.rounds, "scale": bench.scale, "figures": {}}
    worked = True
    sys.stdout.write(HEAD)
    for figure in figures:
        try:
            rounds = await figure.run(bench)
        except Exception as error:  # noqa: BLE001 - the other figures are still measured
            traceback.print_exc()
            worked = False
            report["figures"][figure.name] = {"error": f"{type(error).__name__}: {error}"}
        else:
            sys.stdout.write("".join(row.line(figure.name, rounds) for row in figure.rows))
            rows = [row.as_json(rounds) for row in figure.rows]
            report["figures"][figure.name] = {"rows": rows, "rounds": rounds}
        sys.stdout.flush()
        if into:
            into.write_text(json.dumps(report, indent=1) + "\n")
    sys.stdout.write(f"\n{machine()}\n")
    sys.stdout.flush()
    return worked


def machine() -> str:
    """Return a description of the machine."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    )


def quantile(values: Sequence[float], share: float) -> float:
    """Return the quantile ``share`` of ``values``, which is one of them."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= _EXACT_BELOW else f"{value:.3g}"
