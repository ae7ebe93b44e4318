"""From a typer command to the coroutine that does its work."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import typer


def perform(work: Coroutine[Any, Any, int]) -> None:
    """Run ``work`` and end the command with the exit code that it returns."""
    # Libraries' warnings must not tear the progress display; errors arrive as exceptions.
    logging.getLogger().addHandler(logging.NullHandler())
    raise typer.Exit(asyncio.run(work))
