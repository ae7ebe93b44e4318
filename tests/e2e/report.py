"""The output of a run, which is kept in the documentation."""

import re
import time
from pathlib import Path


class Report:
    """The output: lines with the time since the start.

    Args:
        target: the target of make whose output this is.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._began = time.monotonic()
        self._lines: list[str] = []

    def say(self, text: str) -> None:
        """Print a line, and keep it."""
        line = f"{time.monotonic() - self._began:7.1f} s  {text}"
        print(line, flush=True)
        self._lines.append(line)

    def write(self, page: Path) -> None:
        """Replace the output of this target in a page of the documentation."""
        mark = f"<!-- output of make {self._target} -->\n```text\n"
        block = re.compile(rf"({re.escape(mark)}).*?(```\n)", re.DOTALL)
        text = page.read_text(encoding="utf-8")
        lines = "\n".join(self._lines)
        page.write_text(block.sub(lambda it: f"{it[1]}{lines}\n{it[2]}", text), encoding="utf-8")
