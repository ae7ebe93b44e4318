"""Folder that a worker and one engine process share.

The process may be controlled by the document that it read, so nothing in the folder is trusted:
every name is opened relative to a descriptor of the folder, links are not followed, only regular
files with one name are read, up to the size limits, and results are copied to files that the
process has no descriptor of.

::

    documents/   large input of the process, which may not write here
    output/      output of an engine for one document
    temporary/   home and temporary files of the process, and input that came in a message
"""

import os
import re
import stat
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from docmill.engines.base import EngineReport, EngineTask, Limits, open_regular
from docmill.errors import FailureClass, ItemFailure
from docmill.isolation import trees
from docmill.isolation.trees import FOLDER_FLAGS, StubbornTreeError, TooDeepError, Usage

DOCUMENTS = "documents"
OUTPUT = "output"
TEMPORARY = "temporary"
MAX_THREADS = 512
"""Threads of one process. Libraries start one per processor; an attack starts as many as it can."""

_MIB = 1024 * 1024
_CHUNK = _MIB
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,16}")
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_HOSTILE_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class FolderClosedError(Exception):
    """The process has ended, and its folder is closed."""


class PrivateFolder:
    """The worker's side of a process's folder. Its methods block, so call them in a thread.

    The folder is not closed while a method runs.

    Attributes:
        path: path of the folder.
    """

    def __init__(self, path: Path) -> None:
        """Create the subfolders in the existing empty folder ``path``."""
        self.path = path
        self._documents = _make(path / DOCUMENTS)
        self._output = _make(path / OUTPUT)
        self._temporary = _make(path / TEMPORARY)
        self._closed = False
        self._lock = threading.Lock()

    def hand_in(self, task: EngineTask) -> EngineTask:
        """Copy the files of ``task`` into the folder; return the task with their new paths.

        A path or a descriptor would not work: the process may open nothing else. A hard link would
        allow writes to the original.

        Raises:
            FolderClosedError: the process has ended.
            ItemFailure: SOURCE_CHANGED, another file is at the path of the document now.
            OSError: the document cannot be read, or there is no space for a copy.
        """
        inside = self.inside(task)
        with self._lock:
            self._refuse_when_closed()
            if task.content is None:
                self._take_in(task.document, Path(inside.document).name, task.file_state)
            for source, path in zip(task.parts, inside.parts, strict=True):
                self._take_in(source, Path(path).name)
        return inside

    def inside(self, task: EngineTask) -> EngineTask:
        """Return ``task`` with the paths that its files have in the folder.

        A document in memory is sent to the process, which writes it to a temporary file.
        """
        folder = DOCUMENTS if task.content is None else TEMPORARY
        return replace(
            task,
            document=f"{self.path}/{folder}/document{_suffix(task)}",
            output_dir=f"{self.path}/{OUTPUT}",
            parts=tuple(
                f"{self.path}/{DOCUMENTS}/part-{number}.json" for number, _ in enumerate(task.parts)
            ),
            file_state=None,
        )

    def hand_out(self, report: EngineReport, into: Path, limits: Limits) -> bool:
        """Copy the files that ``report`` names to the worker's folder ``into``; then `clear`.

        Returns:
            Whether the folder is empty for the next task.

        Raises:
            ItemFailure: ENGINE_ERROR, a file is missing or not a regular file; LIMIT_EXCEEDED, too
                many files, or too large ones.
            FolderClosedError: the process has ended.
            OSError: there is no space.
        """
        if len(report.files) > limits.folder_files:
            raise over_quota(limits)
        left = limits.folder_bytes
        with self._lock:
            self._refuse_when_closed()
            into.mkdir(exist_ok=True)
            for name in report.files:
                left -= self._take_out(name, into, min(left, limits.output_bytes), limits)
            return self._clear()

    def clear(self) -> bool:
        """Delete files of the last task; return whether all are gone."""
        with self._lock:
            return not self._closed and self._clear()

    def check(self, pid: int, limits: Limits) -> None:
        """Check the usage that the kernel does not limit.

        Raises:
            ItemFailure: LIMIT_EXCEEDED, when it exceeds ``limits``.
        """
        most, found = Usage(limits.folder_bytes, limits.folder_files), Usage()
        try:
            with self._lock:
                if self._closed:
                    return
                for folder in (self._output, self._temporary):
                    trees.measure(folder, found, most)
        except TooDeepError:
            raise ItemFailure(
                FailureClass.LIMIT_EXCEEDED,
                f"The engine nested more than {trees.MAX_DEPTH} folders.",
            ) from None
        except OSError as error:  # a folder that cannot be measured must not grow
            raise ItemFailure(
                FailureClass.LIMIT_EXCEEDED,
                f"The engine's folder cannot be measured: {error.strerror}.",
            ) from error
        found.size += _nameless(pid, str(self.path), limits)
        if found.exceeds(most.size, most.files):
            raise over_quota(limits)
        with suppress(OSError):
            if sum(1 for _ in Path(f"/proc/{pid}/task").iterdir()) > MAX_THREADS:
                raise ItemFailure(
                    FailureClass.LIMIT_EXCEEDED,
                    f"The engine started more than {MAX_THREADS} threads.",
                )

    def close(self) -> None:
        """Delete the folder, after the process and its descendants have ended."""
        with self._lock:
            if not self._closed:
                self._closed = True
                for folder in (self._documents, self._output, self._temporary):
                    os.close(folder)
        trees.remove(self.path)

    def _clear(self) -> bool:
        try:
            for folder in (self._documents, self._output, self._temporary):
                trees.empty(folder)
        except (OSError, StubbornTreeError):
            return False
        return True

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise FolderClosedError

    def _take_in(self, source: str, name: str, expected: str | None = None) -> None:
        original = open_regular(source, expected)
        try:
            copy = os.open(name, _NEW_FILE, 0o600, dir_fd=self._documents)
            try:
                _copy(original, copy, None)
            finally:
                os.close(copy)
        finally:
            os.close(original)

    def _take_out(self, name: str, into: Path, most: int, limits: Limits) -> int:
        source = _open_hostile(self._output, name)
        try:
            target = os.open(into / name, _NEW_FILE, 0o600)
            try:
                return _copy(source, target, most)
            except OverflowError:
                raise over_quota(limits) from None
            finally:
                os.close(target)
        finally:
            os.close(source)


def over_quota(limits: Limits) -> ItemFailure:
    """Return the failure of an engine that exceeded the quota of its folder."""
    return ItemFailure(
        FailureClass.LIMIT_EXCEEDED,
        f"The engine filled its folder: more than {limits.folder_bytes // _MIB} MiB "
        f"(DOCMILL_ENGINE_FOLDER_MB) or {limits.folder_files:,} files.",
    )


def _make(path: Path) -> int:
    path.mkdir(mode=0o700)
    return os.open(path, FOLDER_FLAGS)


def _suffix(task: EngineTask) -> str:
    """Return the extension for the copy of a document; some engines depend on it."""
    for name in (task.document, task.name):
        if _SUFFIX.fullmatch(suffix := os.path.splitext(name)[1]):  # noqa: PTH122 - on every item's path
            return suffix
    return ""


def _open_hostile(folder: int, name: str) -> int:
    """Open a regular file with one name below ``folder``, without blocking on a FIFO or device."""
    trouble = "is missing or cannot be opened"
    try:
        if "/" in name:
            raise FileNotFoundError
        found = os.open(name, _HOSTILE_FILE, dir_fd=folder)
    except (OSError, ValueError):
        found = -1
    if found >= 0:
        state = os.fstat(found)
        if stat.S_ISREG(state.st_mode) and state.st_nlink == 1:
            return found
        os.close(found)
        trouble = "is no plain file"
    raise ItemFailure(
        FailureClass.ENGINE_ERROR, f"A file that the engine reports {trouble}: {name!r:.80}."
    )


def _copy(source: int, target: int, most: int | None) -> int:
    """Copy an open file to another; return the number of bytes.

    Raises:
        OverflowError: there are more than ``most``, also if the file grows meanwhile.
    """
    copied = 0
    # Most files are small: read a whole one, and one byte more to detect growth.
    chunk = min(os.fstat(source).st_size + 1, _CHUNK)
    while data := os.read(source, chunk):
        copied += len(data)
        if most is not None and copied > most:
            raise OverflowError
        view = memoryview(data)
        while view:
            view = view[os.write(target, view) :]
        if len(data) < chunk:
            break
        chunk = _CHUNK
    return copied


def _nameless(pid: int, folder: str, limits: Limits) -> int:
    """Return the bytes of a process's open files without a name, as Linux shows them.

    The size of a file that is only mapped is unknown: it counts as the maximum.
    """
    total = 0
    seen: set[tuple[int, int]] = set()
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found = descriptor.stat()
                if stat.S_ISREG(found.st_mode) and not found.st_nlink:
                    seen.add((found.st_dev, found.st_ino))
                    total += found.st_blocks * 512
    with suppress(OSError):
        mapped = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
        inodes = {
            fields[4]
            for line in mapped.splitlines()
            if line.endswith(" (deleted)") and folder in line and (fields := line.split(None, 5))
        }
        total += len(inodes - {str(inode) for _, inode in seen}) * limits.output_bytes
    return total
