"""Writing files so that they are whole or absent, also after a power cut."""

import os
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


def move_into_place(staged: Path, target: Path) -> None:
    """Give the finished file ``staged`` its name: afterwards ``target`` is it, whole."""
    sync(staged)
    make_folders(target.parent)
    staged.replace(target)
    sync(target.parent)
