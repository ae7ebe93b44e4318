"""What a process that a command started (see `Supervisor`) has to do with this command."""

import asyncio
import os
import sys

from docmill.errors import DocmillError

ORPHAN_FLAG = "--die-with-parent"
"""Option of worker.py and server.py: their standard input is a pipe of the command."""


FAILED = "failed: "
"""Start of the last line of a process that cannot run: the reason, for the command's user."""


def report_failure(error: DocmillError) -> None:
    """Write the reason why this process ends, as the last line of its log."""
    sys.stderr.write(f"{FAILED}{error.message} {error.hint}\n")


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
