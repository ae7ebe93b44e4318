"""Durable, atomic file operations: after a power cut a file is complete or absent."""

import ctypes
import os
import sys
from collections.abc import Mapping
from pathlib import Path


def make_folders(folder: Path) -> None:
    """Create ``folder`` and its missing parents, durably."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync(path.parent)


def sync(path: Path) -> None:
    """Sync a file's bytes, or a folder's entries, to disk. A symlink is an error."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(folder: Path) -> None:
    """Sync the file system of ``folder`` to disk.

    On Linux only this file system is synced, so that a slow or unreachable one causes no delay.
    Other systems can only sync all file systems.
    """
    if sys.platform != "linux":
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)


def move_into_place(staged: Path, target: Path) -> None:
    """Move the finished file ``staged`` to ``target``, atomically and durably."""
    move_all_into_place({target: staged})


def move_all_into_place(staged_of: Mapping[Path, Path]) -> None:
    """Like `move_into_place` for several files, by target; each folder is synced once."""
    for target, staged in staged_of.items():
        sync(staged)
        make_folders(target.parent)
        staged.replace(target)
    for folder in {target.parent for target in staged_of}:
        sync(folder)
