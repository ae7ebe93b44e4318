"""Waits until the records database answers again, so that its restart does not end a command."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from docmill.cli.console import Console
from docmill.errors import DatabaseAwayError

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
"""Seconds between two attempts; each pause is twice as long as the one before."""

Answer = TypeVar("Answer")


async def until_database_answers(
    call: Callable[[], Awaitable[Answer]], console: Console, seconds: float | None = None
) -> Answer:
    """Return the answer of ``call``, which is repeated for as long as the database is away.

    Args:
        call: reads or writes the records; after a lost answer it is repeated, too.
        console: prints what the command waits for, and that it continues.
        seconds: time limit; None waits without one.

    Raises:
        DatabaseAwayError: the database was away for longer than the limit.
    """
    pause, away = FIRST_PAUSE, False
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        try:
            answer = await call()
        except DatabaseAwayError as error:
            if deadline is not None and time.monotonic() >= deadline:
                raise
            if not away:
                console.print(f"{error.message} Waiting for it.", style="yellow")
            away = True
        else:
            if away:
                console.print("The records database answers again.", style="green")
            return answer
        left = LONGEST_PAUSE if deadline is None else max(0.0, deadline - time.monotonic())
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, LONGEST_PAUSE)
