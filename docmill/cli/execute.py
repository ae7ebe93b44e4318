"""Runs the coroutine of a command, and ends the process with its exit code."""

import asyncio
import ctypes
import gc
import logging
import os
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from docmill.settings import Settings, load_settings

_M_ARENA_MAX = -8
"""From glibc's ``malloc.h``."""


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


def share_arenas() -> None:
    """Give the C library two arenas, as workers have, before there are threads.

    With one for each thread, freed memory that none of the others uses adds up. A user's
    ``MALLOC_ARENA_MAX`` takes precedence.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        with suppress(AttributeError):  # other C libraries have no such option
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def execute(work: Coroutine[Any, Any, int], *, is_loaded: bool = True) -> None:
    """Run ``work`` and end the command with the exit code that it returns.

    Args:
        work: what the command does.
        is_loaded: whether its modules are loaded; otherwise it calls
            `enable_garbage_collection` when they are.
    """
    if is_loaded:
        enable_garbage_collection()
    share_arenas()
    # Warnings of libraries must not break the progress display; errors arrive as exceptions.
    logging.getLogger().addHandler(logging.NullHandler())
    raise typer.Exit(asyncio.run(work))
