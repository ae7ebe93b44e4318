"""What a process does that a command started (see `Supervisor`): end when the command ends."""

import asyncio
import os
import sys

ORPHAN_FLAG = "--die-with-parent"
"""Tells worker.py and server.py that their standard input is the command's pipe."""


async def parent_exited() -> None:
    """Wait until the command that started this process has ended, however it ended.

    The command never writes to the pipe; the kernel closes it at its death. Unlike a death
    signal this works on macOS too, and does not depend on which thread did the starting.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def look() -> None:
        if os.read(sys.stdin.fileno(), 1) == b"":
            loop.remove_reader(sys.stdin.fileno())
            ended.set()

    loop.add_reader(sys.stdin.fileno(), look)
    await ended.wait()
