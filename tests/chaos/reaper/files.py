"""The documents of a run: each counts on disk how often an engine was started for it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Files:
    """A folder of commands for the mock engine, and what they leave behind.

    Attributes:
        folder: the documents.
        runs: one file per document that an engine was started on, one line per start.
    """

    folder: Path
    runs: Path

    @classmethod
    def make(cls, place: Path, count: int) -> "Files":
        """Write ``count`` documents: most end at once, some sleep, some leave processes behind."""
        files = cls(place / "in", place / "runs")
        files.folder.mkdir()
        files.runs.mkdir()
        for number in range(count):
            name = f"{number:04}.txt"
            command: dict[str, Any] = {"do": "parse", "record": str(files.runs / name)}
            if number % 10 == 3:
                command |= {"do": "sleep", "seconds": 0.3}
            elif number % 75 == 5:
                command |= {"do": "fork", "escape": True, "seconds": 0.2}
            (files.folder / name).write_text(f"{json.dumps(command)}\n{name}\n")
        return files

    @property
    def count(self) -> int:
        """How many documents there are."""
        return len(list(self.folder.iterdir()))

    def started(self) -> int:
        """Return on how many documents an engine was started."""
        return len(list(self.runs.iterdir()))

    def runs_of(self, name: str) -> int:
        """Return how often an engine was started on a document."""
        path = self.runs / name
        return len(path.read_text().splitlines()) if path.exists() else 0

    def last_start(self, name: str) -> float:
        """Return when an engine was last started on it, as seconds since the epoch."""
        return (self.runs / name).stat().st_mtime
