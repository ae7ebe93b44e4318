"""Runs the coroutine of a command, and ends the process with its exit code."""

import asyncio
import gc
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import typer

from docmill.settings import Settings, load_settings


def settings_of(home: Path | None) -> Settings:
    """Return the settings of this command; ``home`` wins over the environment."""
    return load_settings(**({"home": home} if home else {}))


def audited_settings_of(home: Path | None) -> Settings:
    """Return the same, for a command whose audit lines go to standard error."""
    settings = settings_of(home)
    from docmill.logs import configure_logs  # it loads rich

    configure_logs(settings.log_level, settings.log_format)
    return settings


def enable_garbage_collection() -> None:
    """Collect garbage from now on, except among what has been loaded."""
    gc.freeze()
    gc.enable()


def execute(work: Coroutine[Any, Any, int], *, is_loaded: bool = True) -> None:
    """Run ``work`` and end the command with the exit code that it returns.

    Args:
        work: what the command does.
        is_loaded: whether its modules are loaded; otherwise it calls
            `enable_garbage_collection` when they are.
    """
    if is_loaded:
        enable_garbage_collection()
    # Warnings of libraries must not break the progress display; errors arrive as exceptions.
    logging.getLogger().addHandler(logging.NullHandler())
    raise typer.Exit(asyncio.run(work))
