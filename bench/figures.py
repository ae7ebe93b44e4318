"""What a measurement found, as a row of a table."""

import os
import platform
from dataclasses import dataclass

HEAD = "| what | median | ratio |\n|---|---|---|\n"
_EXACT_BELOW = 20


@dataclass(frozen=True)
class Figure:
    """One figure: a median where there is more than one round."""

    what: str
    value: float
    unit: str
    beside: str = ""

    def row(self) -> str:
        """Return the figure as a row of Markdown."""
        number = f"{self.value:,.0f}" if self.value >= _EXACT_BELOW else f"{self.value:.2f}"
        return f"| {self.what} | {number} {self.unit} | {self.beside} |\n"


def machine() -> str:
    """Return what the figures hold for."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the end."
    )
