"""Detects, in a process that a command started (see `Supervisor`), that the command has ended."""

import asyncio
import os
import sys

ORPHAN_FLAG = "--die-with-parent"
"""Option of worker.py and server.py: their standard input is a pipe of the command."""


async def parent_exited() -> None:
    """Wait until the command that started this process has ended, for any reason.

    The command never writes to the pipe, and the kernel closes it when the command ends. Unlike a
    parent-death signal this works on macOS too, and does not depend on the thread of the parent.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def read() -> None:
        if os.read(sys.stdin.fileno(), 1) == b"":
            loop.remove_reader(sys.stdin.fileno())
            ended.set()

    loop.add_reader(sys.stdin.fileno(), read)
    await ended.wait()
