"""Ctrl-C: the first one stops a command gracefully, the second one at once."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from docmill.cli.exits import Exit, leave

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


async def until_interrupted(
    work: Coroutine[Any, Any, int], on_interrupt: Callable[[], None]
) -> int | None:
    """Run ``work``; on Ctrl-C or SIGTERM cancel it, wait until it has cleaned up, return None.

    A second Ctrl-C does not wait: processes that still run end when this process is gone.

    Args:
        work: returns the exit code.
        on_interrupt: notifies the user of the first Ctrl-C.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work)
    asked = False

    def on_signal() -> None:
        nonlocal asked
        if asked:
            leave(Exit.INTERRUPTED)
        asked = True
        on_interrupt()
        task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        with suppress(asyncio.CancelledError):
            return await task
        return None
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
