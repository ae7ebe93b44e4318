"""Waits until the records database answers again, so that its restart does not end a command."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from docmill.cli.console import Console
from docmill.errors import DatabaseAwayError

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
"""Seconds between two attempts; each pause is twice as long as the one before."""

Answer = TypeVar("Answer")


async def until_database_answers(call: Callable[[], Awaitable[Answer]], console: Console) -> Answer:
    """Return the answer of ``call``, which is repeated for as long as the database is away.

    Args:
        call: reads or writes the records; after a lost answer it is repeated, too.
        console: prints what the command waits for, and that it continues.
    """
    pause, away = FIRST_PAUSE, False
    while True:
        try:
            answer = await call()
        except DatabaseAwayError as error:
            if not away:
                console.print(f"{error.message} Waiting for it.", style="yellow")
            away = True
        else:
            if away:
                console.print("The records database answers again.", style="green")
            return answer
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
