"""What several commands share: options, arguments, and the name that the user calls."""

import sys
from pathlib import Path
from typing import Annotated

import typer

_INSTALLED_COMMAND = "docmill"


def program() -> str:
    """Return the command that was called, for help texts and hints: one that can be repeated."""
    name = Path(sys.argv[0]).name
    return name if name.endswith(".py") else _INSTALLED_COMMAND


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
