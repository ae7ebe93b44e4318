"""Docmill as separate processes (server, workers, API), and their CPU time and memory.

``python -m bench.processes`` is a worker with the mock engine. It reads its settings from the
environment, as `worker.py` does.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import psutil

from bench.mill import Mill, environment
from docmill.embedded.addresses import LOOPBACK
from docmill.embedded.connect import connect_named
from docmill.embedded.home import Home
from docmill.embedded.processes import HomeProcess
from docmill.logs import configure_logs
from docmill.settings import APPLICATION, load_settings
from docmill.temporal.payloads import PLAIN
from docmill.testing import mock_engine
from worker import running_worker

READY_SECONDS = 60.0


@asynccontextmanager
async def program(*command: str | Path, env: dict[str, str]) -> AsyncIterator[int]:
    """Run a program during the block; yield its process id."""
    running = await asyncio.create_subprocess_exec(
        *command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, env=env, cwd=APPLICATION
    )
    try:
        yield running.pid
    finally:
        with suppress(ProcessLookupError):
            running.send_signal(signal.SIGTERM)
        await running.wait()


@asynccontextmanager
async def mock_worker(mill: Mill, **settings: str) -> AsyncIterator[int]:
    """Run a worker process with the mock engine; yield its process id."""
    async with program(sys.executable, "-m", "bench.processes", env=_env(mill, settings)) as pid:
        yield pid


@asynccontextmanager
async def api(mill: Mill, port: int) -> AsyncIterator[tuple[int, httpx.AsyncClient]]:
    """Run the HTTP API; yield its process id and a client."""
    command = (sys.executable, APPLICATION / "server.py", "--port", str(port))
    async with program(*command, env=_env(mill, {})) as pid, client_of(port) as client:
        yield pid, client


@asynccontextmanager
async def client_of(port: int) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the API at a port, once it answers."""
    async with httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}", timeout=30) as client:
        async with asyncio.timeout(READY_SECONDS):
            while True:
                with suppress(httpx.TransportError):
                    await client.get("/healthz")
                    break
                await asyncio.sleep(0.1)
        yield client


def pid_of(home: Path, name: str) -> int:
    """Return the process id of a home's ``temporal``, ``worker`` or ``api``.

    Raises:
        RuntimeError: it does not run.
    """
    if pid := HomeProcess(Home(home), name).pid():
        return pid
    raise RuntimeError(f"The {name} of {home} does not run.")


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process and its children, including ended ones."""
    process, seconds = psutil.Process(pid), 0.0
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            seconds += sum(one.cpu_times()[:4])
    return seconds


def memory_of(pid: int) -> int:
    """Return the resident bytes of a process without its children; 0 once it has ended."""
    with suppress(psutil.NoSuchProcess):
        return int(psutil.Process(pid).memory_info().rss)
    return 0


def _env(mill: Mill, settings: dict[str, str]) -> dict[str, str]:
    address = mill.temporal.service_client.config.target_host
    return environment(
        mill.settings.home,
        TEMPORAL_ADDRESS=address,
        PYTHONPATH=str(APPLICATION),
        DOCMILL_DATABASE_URL=mill.settings.database,
        DOCMILL_LOG_LEVEL="ERROR",
        **settings,
    )


async def _work() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with running_worker(
        await connect_named(PLAIN), load_settings(sandbox="off"), mock_engine.MODULE
    ):
        await stop.wait()


if __name__ == "__main__":
    configure_logs("ERROR", "console")
    asyncio.run(_work())
    # A process that used a Temporal client can abort in the interpreter's own shutdown.
    os._exit(0)
