"""What a measurement found, and the table of it."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One figure: a median where there is more than one round."""

    what: str
    value: float
    unit: str
    beside: str = ""


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as Markdown, with the machine that they hold for."""
    rows = [f"| {f.what} | {_number(f.value)} {f.unit} | {f.beside} |" for f in figures]
    load = os.getloadavg()[0]
    machine = (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, "
        f"Python {platform.python_version()}, load {load:.1f} at the end"
    )
    return "\n".join([machine, "", "| what | median | ratio |", "|---|---|---|", *rows])


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 else f"{value:.2f}"
