"""Measurement and removal of folder trees that an untrusted process created.

No function follows symbolic links, opens more than a few descriptors at a time, or recurses to a
depth that the process chose.
"""

import os
import secrets
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MAX_DEPTH = 32
"""Maximum depth of nested folders. Engines create one or two levels."""
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK = 512
"""Unit of ``st_blocks``, independent of the file system."""
_PASSES = 100_000
"""Folders that one call removes. A process that adds them faster is killed first."""


class TooDeepError(Exception):
    """A tree has more than `MAX_DEPTH` nested folders."""


class StubbornTreeError(Exception):
    """A tree cannot be emptied, because a process adds to it or the system denies it."""


@dataclass(slots=True)
class Usage:
    """Size of a tree.

    Attributes:
        size: bytes on disk, including those of open files without a name.
        files: number of files, folders and other entries.
    """

    size: int = 0
    files: int = 0

    def exceeds(self, size: int, files: int) -> bool:
        """Return whether it exceeds these limits."""
        return self.size > size or self.files > files


def measure(folder: int, into: Usage, most: Usage, depth: int = 0) -> None:
    """Add the contents of an open folder to ``into``; stop when it exceeds ``most``.

    Raises:
        TooDeepError: the tree is too deep.
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
        inner = _open_folder(parent, name)
    except (FileNotFoundError, NotADirectoryError):
        return  # removed or replaced since it was listed
    try:
        measure(inner, into, most, depth + 1)
    finally:
        os.close(inner)


def empty(folder: int) -> None:
    """Remove everything in an open folder.

    Nested folders are moved to the top and emptied there, so that the depth does not matter.

    Raises:
        StubbornTreeError: something remains.
    """
    os.fchmod(folder, 0o700)
    for _ in range(_PASSES):
        folders = _remove_files(folder)
        if not folders:
            return
        for name in folders:
            _take_apart(folder, name)
    raise StubbornTreeError


def remove(path: Path) -> None:
    """Remove a folder with its contents, after all processes that could write to it have ended.

    Entries that cannot be removed stay for the next cleanup of the parent folder.
    """
    with suppress(OSError, StubbornTreeError):
        folder = os.open(path, FOLDER_FLAGS)
        try:
            empty(folder)
        finally:
            os.close(folder)
        path.rmdir()


def _remove_files(folder: int) -> list[str]:
    """Remove files and empty folders; return the names of other folders."""
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
    """Empty one folder of ``top``: delete its files, and move its folders up to ``top``."""
    try:
        inner = _open_folder(top, name)
    except OSError as error:
        raise StubbornTreeError from error
    try:
        os.fchmod(inner, 0o700)
        for folder in _remove_files(inner):
            os.rename(folder, secrets.token_hex(16), src_dir_fd=inner, dst_dir_fd=top)
        os.rmdir(name, dir_fd=top)
    except OSError as error:
        raise StubbornTreeError from error
    finally:
        os.close(inner)


def _open_folder(parent: int, name: str) -> int:
    """Open a folder, also one whose permissions the process removed; its owner is this user.

    Raises:
        OSError: it is no folder, or cannot be opened.
    """
    try:
        return os.open(name, FOLDER_FLAGS, dir_fd=parent)
    except PermissionError:
        if sys.platform != "linux":
            raise
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    found = os.open(name, flags, dir_fd=parent)
    try:
        # The magic link leads to the opened folder, even if it was renamed.
        Path(f"/proc/self/fd/{found}").chmod(0o700)
        return os.open(name, FOLDER_FLAGS, dir_fd=parent)
    finally:
        os.close(found)
