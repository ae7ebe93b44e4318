"""Commands that keep a home: up, verify, doctor."""

from pathlib import Path
from typing import Annotated

import typer

from docmill.cli.options import HomeOption, JsonOption
from docmill.cli.performing import perform


def up(
    port: Annotated[
        int, typer.Option(metavar="N", min=1, max=65535, help="Port of the HTTP API on loopback.")
    ] = 8000,
    home: HomeOption = None,
) -> None:
    """Keep everything running until Ctrl-C.

    That is the Temporal server with its Web UI, a worker, and the HTTP API.
    """
    from docmill.cli.up import stay_up

    perform(stay_up(port, home=home))


def verify(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A folder that run has written.")],
    as_json: JsonOption = False,
) -> None:
    """Compare outputs with the manifest.

    Every output is hashed again. The exit code is 1 when a byte changed or a file is missing.
    """
    from docmill.cli.verifying import verify_outputs

    perform(verify_outputs(out, as_json=as_json))


def doctor(as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Check this machine.

    Looks at everything that Docmill needs, and says how to mend what is wrong.
    """
    from docmill.cli.doctoring import examine

    perform(examine(as_json=as_json, home=home))


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (up, verify, doctor):
        app.command()(command)
