"""What several commands share: options, arguments, and the name that the user calls."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

_INSTALLED_COMMAND = "docmill"


def program() -> str:
    """Return the command that was called, for help texts and hints: one that can be repeated."""
    name = Path(sys.argv[0]).name
    return name if name.endswith(".py") else _INSTALLED_COMMAND


class StrictCommand(TyperCommand):
    """A command with `StrictOption`, whose value may be left out: ``--strict`` means losses."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give a bare ``--strict`` its value, so that it never takes the word behind it."""
        return super().parse_args(ctx, [f"{a}=loss" if a == "--strict" else a for a in args])


StrictOption = Annotated[
    str | None,
    typer.Option(
        "--strict",
        metavar="[=CODES]",
        help="Fail files (class incomplete) whose result lacks content; =CODES: only for these "
        "codes or kinds of warnings, separated by commas; =none: for none.  "
        "[default: DOCMILL_STRICT]",
    ),
]
BatchId = Annotated[str, typer.Argument(metavar="ID", help="The batch, as run or list print it.")]
HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        help="Folder of the database, the results and the embedded server.",
        envvar="DOCMILL_HOME",
        show_envvar=True,
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="Use the Temporal server of this profile instead of the embedded one. "
        "TEMPORAL_ADDRESS does the same.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output.")
]


def words_of(strict: str | None) -> tuple[str, ...] | None:
    """Return the words of `StrictOption`; None when it was not given."""
    return None if strict is None else tuple(filter(None, map(str.strip, strict.split(","))))
