"""What a command prints: lines, tables and progress for people, one JSON object for programs."""

import json
import sys
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import rich.console
    from rich.table import Table

PIPE_WIDTH = 200
"""Columns of tables that no terminal wraps."""


class Console:
    """Prints for people on standard output, or on standard error when JSON is requested.

    Attributes:
        as_json: whether standard output is reserved for one JSON object.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    @cached_property
    def rich(self) -> "rich.console.Console":
        """The console of tables and live progress; Rich is loaded when something is printed."""
        import rich.console

        stream = sys.stderr if self.as_json else sys.stdout
        width = None if stream.isatty() else PIPE_WIDTH
        return rich.console.Console(file=stream, width=width, highlight=False)

    def print(self, text: str = "", *, style: str | None = None) -> None:
        """Print a line for people; the terminal wraps long ones."""
        self.rich.print(text, style=style, markup=False, soft_wrap=True)

    def print_stopping(self) -> None:
        """Confirm the first Ctrl-C."""
        self.print("Stopping in order; Ctrl-C again ends at once.", style="yellow")

    def print_table(self, table: "Table") -> None:
        """Print a table."""
        self.rich.print(table)

    def print_json(self, value: Any) -> None:
        """Print the one JSON object, if it was requested."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
