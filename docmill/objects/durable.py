"""Writing files so that they are whole or absent, also after a power cut."""

import ctypes
import os
import sys
from collections.abc import Mapping
from pathlib import Path


def make_folders(folder: Path) -> None:
    """Make ``folder`` and what is missing above it, durably."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk. Refuses a symlink."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(folder: Path) -> None:
    """Wait until everything that was written to the file system of ``folder`` is on the disk.

    Linux waits for this file system alone, so that another one that is slow or away delays
    nothing; elsewhere there is only the call for all of them.
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
    """Give the finished file ``staged`` its name: afterwards ``target`` is it, whole."""
    move_all_into_place({target: staged})


def move_all_into_place(staged_of: Mapping[Path, Path]) -> None:
    """Do the same with several files, by target; each folder is synced once."""
    for target, staged in staged_of.items():
        sync(staged)
        make_folders(target.parent)
        staged.replace(target)
    for folder in {target.parent for target in staged_of}:
        sync(folder)
