"""The commands worker and server: they become the programs of those names."""

import os
import sys
from typing import Annotated, NoReturn

import typer

from docmill.settings import APPLICATION


def worker() -> None:
    """Run a worker for a Temporal server of your own.

    Reads TEMPORAL_ADDRESS and the DOCMILL settings; stops gracefully on SIGTERM and SIGINT.
    """
    _become("worker.py")


def server(
    host: Annotated[str, typer.Option(metavar="HOST", help="Loopback only.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="0 takes a free one.")
    ] = 8000,
) -> None:
    """Serve the HTTP API for a Temporal server of your own.

    Reads TEMPORAL_ADDRESS and the DOCMILL settings; stops gracefully on SIGTERM and SIGINT.
    """
    _become("server.py", "--host", host, "--port", str(port))


def _become(name: str, *arguments: str) -> NoReturn:
    """Replace this process, so that signals and supervisors reach the program itself."""
    # A script's own folder must come first on the path: its `workflows` are ours.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"}
    command = [sys.executable, str(APPLICATION / name), *arguments]
    os.execve(sys.executable, command, environment)  # noqa: S606 - our own program, no shell
