"""The walk through a folder: sorted, without following symlinks."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from docmill.errors import UsageError
from docmill.sources.entries import ScannedEntry
from docmill.sources.globs import Globs
from docmill.sources.names import readable


def signature_of(status: os.stat_result) -> str:
    """Return size and times in one word: what tells a changed file without reading it."""
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"


@dataclass(frozen=True, slots=True)
class Walk:
    """One walk. Paths are bytes relative to ``root``; ``b""`` is the root itself.

    Attributes:
        include: files to take; None takes all.
        exclude: files and whole subfolders to leave out.
        leave_out: relative paths to leave out.
    """

    root: bytes
    recursive: bool
    include: Globs | None
    exclude: Globs
    leave_out: frozenset[bytes]

    def files(self) -> Iterator[ScannedEntry]:
        """Return every file, depth first.

        Raises:
            UsageError: a folder or a file's status cannot be read.
        """
        # A stack of our own: hostile trees are deeper than Python's.
        open_folders = [iter(self._children(b""))]
        while open_folders:
            child = next(open_folders[-1], None)
            if child is None:
                open_folders.pop()
                continue
            path, is_folder = child
            if path in self.leave_out or self.exclude.matches(_text(path)):
                continue
            if is_folder:
                if self.recursive:
                    open_folders.append(iter(self._children(path)))
            elif self.include is None or self.include.matches(_text(path)):
                entry = self._entry(path)
                if entry is not None:
                    yield entry

    def _children(self, folder: bytes) -> list[tuple[bytes, bool]]:
        """Return the sorted paths in ``folder``, each with whether it is a folder."""
        try:
            with os.scandir(self._absolute(folder)) as found:
                return sorted(
                    (_join(folder, entry.name), entry.is_dir(follow_symlinks=False))
                    for entry in found
                    if not entry.name.startswith(b".") and _is_wanted(entry)
                )
        except (FileNotFoundError, NotADirectoryError):
            if folder:
                return []
            raise UsageError(
                f"The folder {_text(self.root)} does not exist.", "Name an existing folder."
            ) from None
        except OSError as error:
            raise self._unreadable(folder, error) from error

    def _entry(self, path: bytes) -> ScannedEntry | None:
        """Return the entry of one file, or None when it is gone by now."""
        try:
            status = os.lstat(self._absolute(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unreadable(path, error) from error
        if not stat.S_ISREG(status.st_mode):
            return None
        name = path.rpartition(b"/")[2]
        return ScannedEntry(
            readable(path), readable(name), path, status.st_size, signature_of(status)
        )

    def _absolute(self, path: bytes) -> bytes:
        return _join(self.root, path)

    def _unreadable(self, path: bytes, error: OSError) -> UsageError:
        return UsageError(
            f"{_text(self._absolute(path))} cannot be read: {error.strerror}.",
            "Give this user the right to read it, or leave it out with --exclude.",
        )


def _join(folder: bytes, name: bytes) -> bytes:
    return os.path.join(folder, name) if name else folder  # noqa: PTH118 - pathlib knows no bytes


def _is_wanted(entry: os.DirEntry[bytes]) -> bool:
    return entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)


def _text(path: bytes) -> str:
    return path.decode(errors="backslashreplace")
