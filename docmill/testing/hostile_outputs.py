"""Tricks of a compromised engine process on the output folder, which the worker reads.

A trick is executed in the output folder after the result was written.
"""

import ctypes
import mmap
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from docmill.engines.base import RESULT_FILE, EngineReport, SliceReport

Command = dict[str, Any]
Trick = Callable[[Path, Command, EngineReport], EngineReport | None]
"""Receives the output folder, the command and the valid report; may return another report."""

_FOREVER = 3600.0
_kept: list[Any] = []
"""Objects that outlive the task that created them."""


def _symlink(output: Path, command: Command, _: EngineReport) -> None:
    """Replace the result by a symbolic link to a file outside the folder."""
    _replaced(output).symlink_to(command["secret"])


def _fifo(output: Path, _: Command, __: EngineReport) -> None:
    """Replace the result by a FIFO, on which a reader blocks for ever."""
    os.mkfifo(_replaced(output))


def _hard_link(output: Path, command: Command, _: EngineReport) -> None:
    """Replace the result by a hard link to a file outside the folder."""
    _replaced(output).hardlink_to(command["secret"])


def _folder(output: Path, _: Command, __: EngineReport) -> None:
    """Replace the result by a folder."""
    _replaced(output).mkdir()


def _socket_or_device(output: Path, _: Command, __: EngineReport) -> None:
    """Replace the result by an endless device; without the permission to create one, by a FIFO."""
    target = _replaced(output)
    try:
        os.mknod(target, 0o600 | 0o020000, os.makedev(1, 5))  # S_IFCHR, /dev/zero
    except PermissionError:
        os.mkfifo(target)


def _missing(output: Path, _: Command, __: EngineReport) -> None:
    """Delete the result."""
    _replaced(output)


def _upwards(_: Path, command: Command, report: EngineReport) -> EngineReport:
    """Report a file name that leads out of the folder."""
    return replace(report, files=[*report.files, str(command.get("name", ".."))])


def _no_files(_: Path, command: Command, report: EngineReport) -> EngineReport:
    """Report no files, for a part of the document if ``asked`` names its pages."""
    asked = command.get("asked")
    return replace(report, files=[], slice=SliceReport(str(asked)) if asked else None)


def _same_file_twice(_: Path, __: Command, report: EngineReport) -> EngineReport:
    """Report each file twice."""
    return replace(report, files=[*report.files, *report.files])


def _keep_open(output: Path, _: Command, __: EngineReport) -> None:
    """Keep a descriptor of the result open for writing; see ``scribble``."""
    _kept.append(os.open(output / RESULT_FILE, os.O_WRONLY))


def _scribble(_: Path, __: Command, ___: EngineReport) -> None:
    """Write to the descriptor of ``keep_open``."""
    for descriptor in _kept:
        os.pwrite(descriptor, b"forged", 0)


def _endless(output: Path, _: Command, __: EngineReport) -> None:
    """Extend the result to a sparse file of 1 TiB."""
    os.truncate(output / RESULT_FILE, 1 << 40)


def _many_files(output: Path, command: Command, _: EngineReport) -> None:
    """Create more files than the quota allows."""
    for number in range(int(command.get("files", 30_000))):
        (output / f"f{number}").touch()
    _pause(command)


def _deep_folders(output: Path, command: Command, _: EngineReport) -> None:
    """Create folders nested more deeply than a path or a recursion allows."""
    folder = os.open(output, os.O_RDONLY)
    for _level in range(int(command.get("levels", 3_000))):
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    _pause(command)


def _locked_folders(output: Path, command: Command, _: EngineReport) -> None:
    """Create folders without permissions, with a file in each."""
    for number in range(3):
        folder = output / f"locked-{number}"
        folder.mkdir()
        (folder / "file").touch()
        folder.chmod(0)
    _pause(command)


def _fill_folder(output: Path, command: Command, _: EngineReport) -> None:
    """Create many files, each below the limit of one file."""
    for number in range(int(command.get("files", 100))):
        (output / f"f{number}").write_bytes(os.urandom(1024 * 1024))
    _pause(command)


def _fill_without_names(output: Path, command: Command, _: EngineReport) -> None:
    """Create files and delete their names, so that no listing shows them."""
    for number in range(int(command.get("files", 100))):
        path = output / f"f{number}"
        _kept.append(os.open(path, os.O_RDWR | os.O_CREAT))
        path.unlink()
        os.write(_kept[-1], os.urandom(1024 * 1024))
    _pause(command)


def _fill_mapped(output: Path, command: Command, _: EngineReport) -> None:
    """Create mapped files without a name or a descriptor."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    length, protection = 1024 * 1024, mmap.PROT_READ | mmap.PROT_WRITE
    for number in range(int(command.get("files", 100))):
        path = output / f"f{number}"
        path.write_bytes(os.urandom(length))
        descriptor = os.open(path, os.O_RDWR)
        libc.mmap(None, ctypes.c_size_t(length), protection, mmap.MAP_SHARED, descriptor, 0)
        os.close(descriptor)
        path.unlink()
    _pause(command)


def _many_threads(_: Path, command: Command, __: EngineReport) -> None:
    """Start many threads, each with little memory."""
    threading.stack_size(64 * 1024)
    for _number in range(int(command.get("threads", 600))):
        threading.Thread(target=time.sleep, args=(_FOREVER,), daemon=True).start()
    _pause(command)


def _fill_unlisted_folder(output: Path, command: Command, _: EngineReport) -> None:
    """Create files in a folder that is writable but cannot be listed."""
    folder = output / "unlisted"
    folder.mkdir(mode=0o300)
    for number in range(int(command.get("files", 100))):
        (folder / f"f{number}").write_bytes(os.urandom(1024 * 1024))
    _pause(command)


def _pause(command: Command) -> None:
    """Keep running, so that the quota is checked; else the folder is only to be cleared."""
    if command.get("stay", True):
        time.sleep(_FOREVER)


def _replaced(output: Path) -> Path:
    """Delete the valid result, and return its path."""
    result = output / RESULT_FILE
    result.unlink()
    return result


TRICKS: dict[str, Trick] = {
    "symlink": _symlink,
    "fifo": _fifo,
    "hard_link": _hard_link,
    "folder": _folder,
    "device": _socket_or_device,
    "missing": _missing,
    "upwards": _upwards,
    "no_files": _no_files,
    "same_file_twice": _same_file_twice,
    "keep_open": _keep_open,
    "scribble": _scribble,
    "endless": _endless,
    "many_files": _many_files,
    "deep_folders": _deep_folders,
    "locked_folders": _locked_folders,
    "fill_folder": _fill_folder,
    "fill_unlisted_folder": _fill_unlisted_folder,
    "fill_without_names": _fill_without_names,
    "fill_mapped": _fill_mapped,
    "many_threads": _many_threads,
}
