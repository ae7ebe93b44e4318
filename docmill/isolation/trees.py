"""Folder trees that a hostile process made: measured, emptied and removed.

Nothing here follows a symbolic link, opens more than a few descriptors at a time, or recurses into
a depth that the process chose.
"""

import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MAX_DEPTH = 32
"""Folders inside each other that a tree may have; engines make one or two."""
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK = 512
"""Unit of ``st_blocks``, whatever the file system's own is."""
_PASSES = 100_000
"""Folders that are taken apart in one call; who adds them faster than that is killed first."""


class TooDeepError(Exception):
    """A tree has more than `MAX_DEPTH` folders inside each other."""


class StubbornTreeError(Exception):
    """A tree cannot be emptied: something adds to it, or the system refuses."""


@dataclass(slots=True)
class Usage:
    """What a tree holds.

    Attributes:
        size: bytes on the disk, including those of files that are open but have no name.
        files: files, folders and whatever else has a name.
    """

    size: int = 0
    files: int = 0

    def exceeds(self, size: int, files: int) -> bool:
        """Whether it is more than that."""
        return self.size > size or self.files > files


def measure(folder: int, into: Usage, most: Usage, depth: int = 0) -> None:
    """Add what lies below an open folder to ``into``; stop counting when that is over ``most``.

    Raises:
        TooDeepError: see there.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            into.files += 1
            into.size += found.st_blocks * _BLOCK
            if into.exceeds(most.size, most.files):
                return
            if stat.S_ISDIR(found.st_mode):
                _measure_below(folder, entry.name, into, most, depth)


def _measure_below(parent: int, name: str, into: Usage, most: Usage, depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise TooDeepError
    try:
        inner = os.open(name, FOLDER_FLAGS, dir_fd=parent)
    except FileNotFoundError:
        return
    try:
        measure(inner, into, most, depth + 1)
    finally:
        os.close(inner)


def empty(folder: int) -> None:
    """Remove everything below an open folder.

    A folder that holds folders is not entered any further: those are moved to the top, and taken
    apart in their turn.

    Raises:
        StubbornTreeError: something remains.
    """
    for _ in range(_PASSES):
        folders = _remove_files(folder)
        if not folders:
            return
        for name in folders:
            _take_apart(folder, name)
    raise StubbornTreeError


def remove(path: Path) -> None:
    """Remove a folder with everything in it, after whatever could write there has ended.

    What cannot be removed stays; whoever sweeps the folder above meets it again.
    """
    with suppress(OSError, StubbornTreeError):
        folder = os.open(path, FOLDER_FLAGS)
        try:
            empty(folder)
        finally:
            os.close(folder)
        path.rmdir()


def _remove_files(folder: int) -> list[str]:
    """Remove what is no folder and every empty folder; return the names of the others."""
    left = []
    with os.scandir(folder) as entries:
        names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in names:
        try:
            if is_folder:
                os.rmdir(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)
        except FileNotFoundError:
            continue
        except OSError:
            left.append(name)
    return left


def _take_apart(top: int, name: str) -> None:
    """Empty one folder of ``top``: its files go, its folders move up to ``top``."""
    try:
        inner = os.open(name, FOLDER_FLAGS, dir_fd=top)
    except PermissionError:
        inner = _open_by_force(top, name)
    except OSError as error:
        raise StubbornTreeError from error
    try:
        for folder in _remove_files(inner):
            os.rename(folder, secrets.token_hex(16), src_dir_fd=inner, dst_dir_fd=top)
        os.rmdir(name, dir_fd=top)
    except OSError as error:
        raise StubbornTreeError from error
    finally:
        os.close(inner)


def _open_by_force(top: int, name: str) -> int:
    """Open a folder whose owner, which is this user, took its own rights to it."""
    try:
        path = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
    except (AttributeError, OSError) as error:
        raise StubbornTreeError from error
    try:
        # The magic link leads to the very folder that was opened, whatever its name is by now.
        Path(f"/proc/self/fd/{path}").chmod(0o700)
        return os.open(name, FOLDER_FLAGS, dir_fd=top)
    except OSError as error:
        raise StubbornTreeError from error
    finally:
        os.close(path)
