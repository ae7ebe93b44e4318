"""The command up."""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from docmill.cli.console import Voice
from docmill.cli.context import Office, open_office
from docmill.cli.execute import settings_of
from docmill.cli.exits import Exit
from docmill.cli.interrupts import until_interrupted
from docmill.cli.options import program
from docmill.cli.runtime import open_runtime
from docmill.embedded.child import ORPHAN_FLAG
from docmill.embedded.named_server import names_server
from docmill.embedded.ports import LOOPBACK, is_free
from docmill.embedded.supervisor import Supervisor, worker_environment
from docmill.errors import UsageError
from docmill.settings import APPLICATION

LOOK_SECONDS = 0.1


async def stay_up(port: int, *, home: Path | None) -> int:
    """Keep server, Web UI, worker and HTTP API running until Ctrl-C."""
    voice = Voice(as_json=False)
    if names_server(None):
        raise UsageError(
            "up starts an embedded server, but TEMPORAL_ADDRESS names another one.",
            f"Unset it; or run `{program()} worker` and `{program()} server` beside your server.",
        )
    code = await until_interrupted(_serve(voice, port, home), voice.say_stopping)
    if code is None:
        voice.say("Stopped. Unfinished batches go on with the next up or run.")
    return Exit.OK


async def _serve(voice: Voice, port: int, home: Path | None) -> int:
    async with AsyncExitStack() as stack:
        settings = settings_of(home)
        office = await stack.enter_async_context(open_office(settings))
        runtime = await stack.enter_async_context(open_runtime(settings, None, voice.say))
        temporal = await runtime.connection()
        api = _api(office, temporal.address, port, voice)
        if not is_free(port) and not api.process.alive():
            raise UsageError(f"Port {port} is in use.", "Choose another one with --port.")
        await stack.enter_async_context(api)
        await _answers(port)
        voice.say(f"HTTP API:     http://{LOOPBACK}:{port}  (docs: http://{LOOPBACK}:{port}/docs)")
        voice.say(f"Temporal UI:  {temporal.ui}")
        voice.say(f"Temporal:     TEMPORAL_ADDRESS={temporal.address}")
        voice.say(f"Home:         {office.home.root}")
        voice.say("Ctrl-C stops everything; unfinished batches are kept.")
        await asyncio.Event().wait()
    return Exit.OK


async def _answers(port: int) -> None:
    """Wait until the API answers; a death of it is told meanwhile."""
    async with httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}") as client:
        while True:
            try:
                await client.get("/healthz")
            except httpx.TransportError:
                await asyncio.sleep(LOOK_SECONDS)
            else:
                return


def _api(office: Office, address: str, port: int, voice: Voice) -> Supervisor:
    return Supervisor(
        office.home,
        "api",
        [sys.executable, str(APPLICATION / "server.py"), "--port", str(port), ORPHAN_FLAG],
        worker_environment(office.home, address),
        on_death=lambda deaths: voice.say(
            f"The HTTP API died ({deaths} in a row) and is started again; "
            f"its log: {office.home.log('api')}"
        ),
    )
