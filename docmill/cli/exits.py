"""How a command ends: its exit code, and the way out of the process."""

import os
import sys
from contextlib import suppress
from enum import IntEnum
from typing import NoReturn

from docmill.errors import DocmillError, UnavailableError


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    """Everything completed or was processed already."""
    SOME_FAILED = 1
    """Some files failed or were skipped, or a check failed."""
    USAGE = 2
    BATCH_FAILED = 3
    """The batch itself failed, or a required service is unavailable."""
    CANCELLED = 4
    """The batch was cancelled from elsewhere."""
    INTERRUPTED = 130


def code_of(error: DocmillError) -> Exit:
    """Return the exit code that fits an error."""
    return Exit.BATCH_FAILED if isinstance(error, UnavailableError) else Exit.USAGE


def leave(code: int) -> NoReturn:
    """End the process with this code and no other.

    A process that used a Temporal client can abort while the interpreter shuts down, which
    would replace the code. So the interpreter is not shut down.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
