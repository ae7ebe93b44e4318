"""From a typer command to the coroutine that does its work."""

import asyncio
import gc
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from docmill.settings import Settings


def settings_of(home: Path | None) -> "Settings":
    """Return the settings of this command; ``home`` wins over the environment."""
    from docmill.settings import load_settings

    return load_settings(**({"home": home} if home else {}))


def collect_garbage() -> None:
    """Look for garbage from now on, but never again among what has been loaded."""
    gc.freeze()
    gc.enable()


def perform(work: Coroutine[Any, Any, int], *, is_loaded: bool = True) -> None:
    """Run ``work`` and end the command with the exit code that it returns.

    Args:
        work: what the command does.
        is_loaded: whether its modules are; else it calls `collect_garbage` when they are.
    """
    if is_loaded:
        collect_garbage()
    # Libraries' warnings must not tear the progress display; errors arrive as exceptions.
    logging.getLogger().addHandler(logging.NullHandler())
    raise typer.Exit(asyncio.run(work))
