"""Where a command's words go: tables and progress for people, one JSON object for machines."""

import json
import sys
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PIPE_WIDTH = 200
"""Columns of tables that no terminal wraps."""


class Voice:
    """Speaks to a person on standard output, or on standard error while JSON is asked for.

    Attributes:
        as_json: whether standard output is kept for one JSON object.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    @cached_property
    def console(self) -> "Console":
        """For tables and live progress; loaded when there is something to show."""
        from rich.console import Console

        stream = sys.stderr if self.as_json else sys.stdout
        wide = None if stream.isatty() else PIPE_WIDTH
        return Console(file=stream, width=wide, highlight=False)

    def say(self, text: str = "", *, style: str | None = None) -> None:
        """Print a line for people; long lines are left to the terminal."""
        self.console.print(text, style=style, markup=False, soft_wrap=True)

    def say_stopping(self) -> None:
        """Say that the first Ctrl-C was heard."""
        self.say("Stopping in order; Ctrl-C again ends at once.", style="yellow")

    def table(self, table: "Table") -> None:
        """Print a table."""
        self.console.print(table)

    def answer(self, value: Any) -> None:
        """Print the one JSON object, when it was asked for."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
