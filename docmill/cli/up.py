"""The command up: server, Web UI, worker and HTTP API until Ctrl-C."""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import httpx
import typer

from docmill.cli.console import Console
from docmill.cli.context import CommandContext, open_context
from docmill.cli.execute import execute, settings_of
from docmill.cli.exits import Exit
from docmill.cli.interrupts import until_interrupted
from docmill.cli.options import HomeOption, program
from docmill.cli.runtime import open_runtime
from docmill.embedded.addresses import LOOPBACK, is_free, names_server
from docmill.embedded.child import ORPHAN_FLAG
from docmill.embedded.supervisor import Supervisor, worker_environment
from docmill.errors import UsageError
from docmill.settings import APPLICATION

POLL_SECONDS = 0.1


def up(
    port: Annotated[
        int, typer.Option(metavar="N", min=1, max=65535, help="Port of the HTTP API on loopback.")
    ] = 8000,
    home: HomeOption = None,
) -> None:
    """Keep everything running until Ctrl-C.

    That is the Temporal server with its Web UI, a worker, and the HTTP API.
    """
    execute(stay_up(port, home=home))


async def stay_up(port: int, *, home: Path | None) -> int:
    """Keep server, Web UI, worker and HTTP API running until Ctrl-C."""
    console = Console(as_json=False)
    if names_server(None):
        raise UsageError(
            "up starts an embedded server, but TEMPORAL_ADDRESS names another one.",
            f"Unset it; or run `{program()} worker` and `{program()} server` beside your server.",
        )
    code = await until_interrupted(_serve(console, port, home), console.print_stopping)
    if code is None:
        console.print("Stopped. Unfinished batches go on with the next up or run.")
    return Exit.OK


async def _serve(console: Console, port: int, home: Path | None) -> int:
    async with AsyncExitStack() as stack:
        settings = settings_of(home)
        context = await stack.enter_async_context(open_context(settings))
        runtime = await stack.enter_async_context(open_runtime(settings, None, console.print))
        temporal = await runtime.connection()
        api = _api(context, temporal.address, port, console)
        if not is_free(port) and not api.process.alive():
            raise UsageError(f"Port {port} is in use.", "Choose another one with --port.")
        await stack.enter_async_context(api)
        await _wait_for_api(port)
        console.print(
            f"HTTP API:     http://{LOOPBACK}:{port}  (docs: http://{LOOPBACK}:{port}/docs)"
        )
        console.print(f"Temporal UI:  {temporal.ui}")
        console.print(f"Temporal:     TEMPORAL_ADDRESS={temporal.address}")
        console.print(f"Home:         {context.home.root}")
        console.print("Ctrl-C stops everything; unfinished batches are kept.")
        await asyncio.Event().wait()
    return Exit.OK


async def _wait_for_api(port: int) -> None:
    """Wait until the API answers; the supervisor reports when it dies meanwhile."""
    async with httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}") as client:
        while True:
            try:
                await client.get("/healthz")
            except httpx.TransportError:
                await asyncio.sleep(POLL_SECONDS)
            else:
                return


def _api(context: CommandContext, address: str, port: int, console: Console) -> Supervisor:
    return Supervisor(
        context.home,
        "api",
        [sys.executable, str(APPLICATION / "server.py"), "--port", str(port), ORPHAN_FLAG],
        worker_environment(context.home, address),
        on_death=lambda deaths: console.print(
            f"The HTTP API died ({deaths} in a row) and is started again; "
            f"its log: {context.home.log('api')}"
        ),
    )
