"""The commands worker and server, which become the programs of those names, and codec-server."""

import os
import sys
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

from docmill.cli.execute import settings_of
from docmill.settings import APPLICATION

LOCAL_UI = ("http://127.0.0.1:8233", "http://localhost:8233")
"""Origins of the Web UI of an embedded server, at its preferred port."""


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


def codec_server(
    host: Annotated[
        str,
        typer.Option(metavar="HOST", help="Loopback only, unless a proxy authenticates users."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="0 takes a free one.")
    ] = 8081,
    ui: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="Origin of a Temporal UI that may call; repeatable."),
    ] = None,
) -> None:
    """Decrypt payloads for Temporal's Web UI and command line.

    Reads DOCMILL_PAYLOAD_KEYS as workers do. Beyond loopback it needs an authenticating proxy with
    DOCMILL_CODEC_PROXY_SECRET. The default of --ui is the Web UI of an embedded server.
    """
    import structlog
    import uvicorn

    from docmill.codec_server import check_host, create_app
    from docmill.embedded.addresses import listen, url_of
    from docmill.logs import configure_logs

    settings = settings_of(None)
    configure_logs(settings.log_level, settings.log_format)
    check_host(host, settings)
    app = create_app(settings, [one.rstrip("/") for one in ui or LOCAL_UI])
    with listen(host, port) as listener:
        structlog.get_logger(__name__).info("codec_server.starting", url=url_of(listener))
        config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False)
        with suppress(KeyboardInterrupt):  # uvicorn stops gracefully, then raises it again
            uvicorn.Server(config).run(sockets=[listener])


def _become(name: str, *arguments: str) -> NoReturn:
    """Replace this process, so that signals and supervisors reach the program itself."""
    # A script's own folder must come first on the path: its `workflows` are ours.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"}
    command = [sys.executable, str(APPLICATION / name), *arguments]
    os.execve(sys.executable, command, environment)  # noqa: S606 - our own program, no shell
