"""Commands that keep things running, and those that check them."""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from docmill.cli.execute import perform
from docmill.cli.options import HomeOption, JsonOption


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


def worker() -> None:
    """Run a worker beside a Temporal server of your own.

    Reads TEMPORAL_ADDRESS and the DOCMILL settings; stops gracefully on SIGTERM and SIGINT.
    """
    _become("worker.py")


def server(
    host: Annotated[str, typer.Option(metavar="HOST", help="Loopback only.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="0 takes a free one.")
    ] = 8000,
) -> None:
    """Serve the HTTP API beside a Temporal server of your own.

    Reads TEMPORAL_ADDRESS and the DOCMILL settings; stops gracefully on SIGTERM and SIGINT.
    """
    _become("server.py", "--host", host, "--port", str(port))


def _become(name: str, *arguments: str) -> NoReturn:
    """Replace this process, so that signals and supervisors meet the program itself."""
    from docmill.settings import APPLICATION

    # A script's own folder must come first on the path: its `workflows` are ours.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"}
    command = [sys.executable, str(APPLICATION / name), *arguments]
    os.execve(sys.executable, command, environment)  # noqa: S606 - our own program, no shell


def verify(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A folder that run has written.")],
    as_json: JsonOption = False,
) -> None:
    """Compare outputs with the manifest.

    Every output is hashed again. The exit code is 1 when a byte changed or a file is missing.
    """
    from docmill.cli.verify import verify_outputs

    perform(verify_outputs(out, as_json=as_json))


def doctor(as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Check this machine.

    Looks at everything that Docmill needs, and says how to mend what is wrong.
    """
    from docmill.cli.doctor import examine

    perform(examine(as_json=as_json, home=home))


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (up, worker, server, verify, doctor):
        app.command()(command)
