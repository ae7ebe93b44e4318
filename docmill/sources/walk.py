"""The sorted walk through a folder. It follows symlinks only on request, and never out of it."""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from docmill.contracts.scans import RUN_FILE, LeftOut, LeftOutReason, ScannedEntry, is_litter
from docmill.errors import UsageError
from docmill.sources.globs import Globs

_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.ENAMETOOLONG})
"""Errors of one folder or file; other errors may concern the whole disk."""


def signature_of(status: os.stat_result) -> str:
    """Return size and times as one string, which detects a changed file without reading it."""
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"


class _Kind(Enum):
    FILE = auto()
    FOLDER = auto()
    LINK = auto()


@dataclass(frozen=True, slots=True, order=True)
class _Child:
    """One name in a folder.

    Attributes:
        path: its listed path.
        real: its real path, which differs below a followed symlink.
        what: its kind, or the reason why it is excluded.
        folder: whether it is a folder.
    """

    path: bytes
    real: bytes = field(compare=False)
    what: _Kind | LeftOutReason = field(compare=False)
    folder: bool = field(compare=False, default=False)


@dataclass(frozen=True, slots=True)
class Walk:
    """One walk. Paths are bytes relative to ``root``; ``b""`` is the root itself.

    Attributes:
        include: files to include; None includes all.
        exclude: files and whole subfolders to exclude.
        leave_out: relative paths to exclude.
        follow_links: whether symlinks that stay within the root are followed.
        left_out: collects the files that are excluded without a pattern of the user.
    """

    root: bytes
    recursive: bool
    include: Globs | None
    exclude: Globs
    leave_out: frozenset[bytes]
    follow_links: bool = False
    left_out: LeftOut = field(default_factory=LeftOut)
    _followed: set[bytes] = field(default_factory=set)

    def files(self) -> Iterator[ScannedEntry]:
        """Yield every file, depth first.

        Raises:
            UsageError: the root cannot be read, or the disk fails.
        """
        # An explicit stack: hostile trees are deeper than Python's recursion limit.
        open_folders = [(b"", iter(self._children(b"", b"")))]
        while open_folders:
            child = next(open_folders[-1][1], None)
            if child is None:
                open_folders.pop()
                continue
            if {child.path, child.real} & self.leave_out or self.exclude.matches(_text(child.path)):
                continue
            if child.what is _Kind.LINK:
                child = self._followed_link(child, [real for real, _ in open_folders])
            if child.what is _Kind.FOLDER:
                if self.recursive:
                    inside = iter(self._children(child.path, child.real))
                    open_folders.append((child.real, inside))
            elif isinstance(child.what, LeftOutReason):
                self._leave(child)
            elif self._is_included(child) and (entry := self._entry(child)) is not None:
                yield entry

    def _children(self, folder: bytes, real: bytes) -> list[_Child]:
        """Return the entries of a folder, sorted by path; none for a folder that is excluded."""
        try:
            with os.scandir(_join(self.root, real)) as found:
                children = [self._child(entry, folder, real) for entry in found]
        except (FileNotFoundError, NotADirectoryError):
            if folder:
                return []
            raise UsageError(
                f"The folder {_text(self.root)} does not exist.", "Name an existing folder."
            ) from None
        except OSError as error:
            if not folder:
                raise self._unreadable(folder, error) from error
            self._deny(folder + b"/", error)
            return []
        run_file = _join(folder, os.fsencode(RUN_FILE))
        if folder and any(child.path == run_file for child in children):
            self.left_out.add(LeftOutReason.OUTPUT, display_path(folder) + "/")
            return []
        return sorted(children)

    def _child(self, entry: os.DirEntry[bytes], folder: bytes, real: bytes) -> _Child:
        is_folder = entry.is_dir(follow_symlinks=False)
        what: _Kind | LeftOutReason
        if is_litter(entry.name):
            what = LeftOutReason.LITTER
        elif entry.name.startswith(b"."):
            what = LeftOutReason.HIDDEN
        elif entry.is_symlink():
            what = _Kind.LINK if self.follow_links else LeftOutReason.SYMLINK
        elif is_folder:
            what = _Kind.FOLDER
        else:
            regular = entry.is_file(follow_symlinks=False)
            what = _Kind.FILE if regular else LeftOutReason.SPECIAL
        return _Child(_join(folder, entry.name), _join(real, entry.name), what, is_folder)

    def _followed_link(self, link: _Child, above: list[bytes]) -> _Child:
        """Return the target of a symlink, listed at the link's path, or why it is excluded.

        A folder is followed at most once, and never if the walk is inside it. So links cannot make
        the listing longer than twice the number of files.
        """
        target = os.path.realpath(_join(self.root, link.real))
        within = os.path.join(self.root, b"")  # noqa: PTH118 - pathlib knows no bytes
        if target != self.root and not target.startswith(within):
            return _Child(link.path, link.real, LeftOutReason.SYMLINK_OUTSIDE)
        real = target[len(within) :]
        what = self._kind_of_target(target, real, above)
        if what is _Kind.FOLDER and self.recursive:
            self._followed.add(real)
        place = real if isinstance(what, _Kind) else link.real
        return _Child(link.path, place, what, folder=what is _Kind.FOLDER)

    def _kind_of_target(
        self, target: bytes, real: bytes, above: list[bytes]
    ) -> _Kind | LeftOutReason:
        if any(real == path or real.startswith(path + b"/") for path in self.leave_out):
            return LeftOutReason.OUTPUT
        try:
            mode = os.lstat(target).st_mode
        except OSError:
            return LeftOutReason.SYMLINK_BROKEN
        if stat.S_ISDIR(mode):
            known = real in above or real in self._followed
            return LeftOutReason.SYMLINK_REPEATED if known else _Kind.FOLDER
        if stat.S_ISLNK(mode):  # it leads to itself
            return LeftOutReason.SYMLINK_BROKEN
        return _Kind.FILE if stat.S_ISREG(mode) else LeftOutReason.SPECIAL

    def _is_included(self, child: _Child) -> bool:
        return self.include is None or self.include.matches(_text(child.path))

    def _leave(self, child: _Child) -> None:
        """Count an excluded file or folder, unless the user's patterns exclude it anyway."""
        assert isinstance(child.what, LeftOutReason)
        if child.folder and not self.recursive:
            return
        if child.folder or self._is_included(child):
            slash = "/" if child.folder else ""
            self.left_out.add(child.what, display_path(child.path) + slash)

    def _entry(self, child: _Child) -> ScannedEntry | None:
        """Return the entry of one file, or None if it is gone or its status is unreadable."""
        try:
            status = os.lstat(_join(self.root, child.real))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self._deny(child.path, error)
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        name = child.path.rpartition(b"/")[2]
        return ScannedEntry(
            display_path(child.path),
            display_path(name),
            child.real,
            status.st_size,
            signature_of(status),
        )

    def _deny(self, path: bytes, error: OSError) -> None:
        """Exclude a file or folder that this user may not read.

        Raises:
            UsageError: another error than a missing permission: files would seem to have vanished.
        """
        if error.errno not in _DENIED:
            raise self._unreadable(path, error) from error
        self.left_out.add(LeftOutReason.UNREADABLE, display_path(path))

    def _unreadable(self, path: bytes, error: OSError) -> UsageError:
        return UsageError(
            f"{_text(_join(self.root, path))} cannot be read: {error.strerror}.",
            "Grant this user read permission, or exclude it with --exclude.",
        )


def _join(folder: bytes, name: bytes) -> bytes:
    return os.path.join(folder, name) if name else folder  # noqa: PTH118 - pathlib knows no bytes


def _text(path: bytes) -> str:
    return path.decode(errors="backslashreplace")


_LOOKS_ESCAPED = re.compile(r"~[0-9a-f]{8}\Z")


def display_path(raw: bytes) -> str:
    """Return the relative path ``raw`` as text; different paths have different texts.

    UTF-8 is unchanged. Other bytes are escaped and get a suffix with a hash of the bytes, and so
    does a name that already ends like such a suffix.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return _marked(raw)
    return _marked(raw) if _LOOKS_ESCAPED.search(text) else text


def _marked(raw: bytes) -> str:
    return f"{raw.decode(errors='backslashreplace')}~{hashlib.sha256(raw).hexdigest()[:8]}"
