"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

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
