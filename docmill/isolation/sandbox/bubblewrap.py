"""Namespaces around the fork server and its processes, by the program bubblewrap.

They are a second wall behind Landlock and the system call filter: no network interface but an
unconnected loopback, a file system that is read-only except for the folder of engine processes, and
own System V objects and host name. Process ids stay those of the worker, which supervises by them.

Source of the options: bwrap(1), https://github.com/containers/bubblewrap.
"""

import shutil
import subprocess
from pathlib import Path

NAME = "bwrap"
_PROBE_SECONDS = 10.0
_OPTIONS = (
    "--ro-bind",
    "/",
    "/",
    "--dev",
    "/dev",
    # Writable, because a process tells the kernel there that it may be killed first.
    "--bind",
    "/proc",
    "/proc",
    "--unshare-net",
    "--unshare-ipc",
    "--unshare-uts",
    "--die-with-parent",
)


def wrapped(command: list[str], folder: Path) -> list[str]:
    """Return ``command`` in namespaces of its own.

    Args:
        command: program and arguments.
        folder: the only writable folder.
    """
    return [_program() or NAME, *_OPTIONS, "--bind", str(folder), str(folder), "--", *command]


def trouble() -> str:
    """Return why bubblewrap does not start on this machine; empty if it does."""
    program = _program()
    if program is None:
        return "the program bwrap is not installed"
    try:
        done = subprocess.run(  # noqa: S603 - the system's bubblewrap, and no shell
            [program, *_OPTIONS, "--", program, "--version"],
            capture_output=True,
            check=False,
            timeout=_PROBE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bwrap does not start: {error}"
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return "" if done.returncode == 0 else f"bwrap does not start: {lines[-1] if lines else ''}"


def _program() -> str | None:
    return shutil.which(NAME)
