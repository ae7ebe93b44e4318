"""Destinations of results: a folder, or a bucket.

The methods block: call them in a thread.
"""

import fcntl
import hashlib
import mimetypes
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol, TypeVar

from docmill.errors import NotFoundError, UsageError
from docmill.objects.durable import move_into_place, sync_file_system
from docmill.objects.open import open_bucket
from docmill.objects.places import BucketUrl, Place
from docmill.objects.results import MARKDOWN_FILE, named_files
from docmill.objects.staging import Staging
from docmill.outputs.files import bytes_of, hash_of, writing_to
from docmill.outputs.names import OutputNames

_REQUESTS = 16
"""Concurrent requests to a bucket that look for results."""
_MEDIA_TYPES = {
    ".md": "text/markdown; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".parquet": "application/vnd.apache.parquet",
    ".sha256": "text/plain",
}

Value = TypeVar("Value")
Answer = TypeVar("Answer")
Change = Callable[[bytes | None], bytes]
"""Returns the new bytes of a file for its old ones, or for None if there is no such file."""


class Destination(Protocol):
    """Where the results of a run go. Names are relative, with slashes.

    Every method raises `UsageError` if the destination may not be written, and `UnavailableError`
    if it cannot be written now.
    """

    @property
    def location(self) -> str:
        """The absolute path or the URL."""

    def prepare(self) -> None:
        """Make the destination, if it is made by its first file otherwise."""

    def stage(self) -> Path:
        """Return an unused path for an incomplete file of this machine."""

    def workspace(self) -> AbstractContextManager[Path]:
        """Return a folder of this machine, which is removed afterwards."""

    def have_results(self, wanted: Sequence[tuple[OutputNames, str | None]]) -> list[bool]:
        """Return for each result whether it is in place with all its files.

        Args:
            wanted: names of the outputs, and the SHA-256 of their JSON.
        """

    def has(self, name: str, sha256: str) -> bool:
        """Return whether a file is known to be in place; False where this would cost a request."""

    def put(self, staged: Path, name: str, sha256: str) -> None:
        """Put a staged file in place, whole. It is durable after `sync`."""

    def publish(self, staged: Path, name: str) -> None:
        """Put a staged file in place, whole and durable."""

    def change(self, name: str, change: Change) -> None:
        """Change a small file, atomically also among several processes."""

    def sync(self) -> None:
        """Make everything durable that was put."""

    def read(self, name: str) -> bytes | None:
        """Return the bytes of a small file; None if there is no such file."""

    def hash_of(self, name: str) -> str | None:
        """Return the SHA-256 of the bytes of a file; None if there is no such file."""

    def each(self, call: Callable[[Value], Answer], values: Sequence[Value]) -> Iterator[Answer]:
        """Return the answers of ``call`` for each value, in order.

        A bucket gets several calls at a time; so ``values`` are few.
        """

    def remove(self, name: str) -> None:
        """Delete a file if it exists."""

    def close(self) -> None:
        """Remove what is staged. The destination can be used again."""


class FolderDestination:
    """A folder.

    Attributes:
        folder: absolute; it is made when the first file is put into it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._staging = Staging(folder)

    @property
    def location(self) -> str:
        """The path."""
        return str(self.folder)

    def prepare(self) -> None:
        """Make the folder."""
        with writing_to(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)

    def stage(self) -> Path:
        """Return an unused path in the folder, whose file system the target is on."""
        self.prepare()
        with writing_to(self.folder):
            return self._staging.fresh()

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """Yield a folder in the folder."""
        self.prepare()
        with writing_to(self.folder), self._staging.folder() as workspace:
            yield workspace

    def have_results(self, wanted: Sequence[tuple[OutputNames, str | None]]) -> list[bool]:
        """Hash all files of the results."""
        return [self._has_result(names, sha256) for names, sha256 in wanted]

    def _has_result(self, names: OutputNames, sha256: str | None) -> bool:
        result = self.read(names.json)
        if result is None or hashlib.sha256(result).hexdigest() != sha256:
            return False
        try:
            siblings = named_files(result)
        except ValueError:
            return False
        return all(self.has(names.of(name), sha256) for name, sha256 in siblings.items())

    def has(self, name: str, sha256: str) -> bool:
        """Hash the file."""
        return self.hash_of(name) == sha256

    def put(self, staged: Path, name: str, sha256: str) -> None:
        """Move the file."""
        with writing_to(self.folder):
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            staged.replace(target)

    def publish(self, staged: Path, name: str) -> None:
        """Move the file, and sync it and its folder."""
        with writing_to(self.folder):
            move_into_place(staged, self.folder / name)

    def change(self, name: str, change: Change) -> None:
        """Replace the file while a lock on its folder is held."""
        target = self.folder / name
        with writing_to(self.folder):
            target.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                staged = self.stage()
                staged.write_bytes(change(self.read(name)))
                move_into_place(staged, target)
            finally:
                os.close(lock)

    def sync(self) -> None:
        """Sync the file system, once for all files."""
        with writing_to(self.folder):
            sync_file_system(self.folder)

    def read(self, name: str) -> bytes | None:
        """Read the file."""
        return bytes_of(f"{self.folder}/{name}")

    def hash_of(self, name: str) -> str | None:
        """Hash the file."""
        return hash_of(f"{self.folder}/{name}")

    def each(self, call: Callable[[Value], Answer], values: Sequence[Value]) -> Iterator[Answer]:
        """Call it for one after the other."""
        return map(call, values)

    def remove(self, name: str) -> None:
        """Delete the file, and the folders that it leaves empty."""
        target = self.folder / name
        with writing_to(self.folder):
            target.unlink(missing_ok=True)
            with suppress(OSError):  # not empty
                for folder in target.relative_to(self.folder).parents[:-1]:
                    (self.folder / folder).rmdir()

    def close(self) -> None:
        """Remove the staged files."""
        self._staging.close()


class BucketDestination:
    """A prefix of a bucket. Every object carries its SHA-256 as metadata.

    Attributes:
        url: the bucket and the prefix.
    """

    def __init__(self, url: BucketUrl, scratch: Path) -> None:
        """Create the destination; the bucket is not contacted.

        Args:
            url: the bucket and the prefix.
            scratch: folder of this machine for staged files.

        Raises:
            UsageError: the provider's variables are incomplete or invalid.
        """
        self.url = url
        self._bucket = open_bucket(url)
        self._scratch = scratch
        self._staging = Staging(scratch)
        self._pool: ThreadPoolExecutor | None = None

    @property
    def location(self) -> str:
        """The URL."""
        return str(self.url)

    def prepare(self) -> None:
        """Do nothing: a prefix exists by its objects."""

    def stage(self) -> Path:
        """Return an unused path in the scratch folder."""
        with writing_to(self._scratch):
            self._scratch.mkdir(parents=True, exist_ok=True)
            return self._staging.fresh()

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """Yield a folder in the scratch folder."""
        with writing_to(self._scratch):
            self._scratch.mkdir(parents=True, exist_ok=True)
            with self._staging.folder() as workspace:
                yield workspace

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_REQUESTS, thread_name_prefix="bucket")
        return self._pool

    def have_results(self, wanted: Sequence[tuple[OutputNames, str | None]]) -> list[bool]:
        """Compare the metadata of the JSON, which is put after the other files of its result."""
        found = self.each(self._bucket.sha256_of, [names.json for names, _ in wanted])
        return [actual == sha256 for actual, (_, sha256) in zip(found, wanted, strict=True)]

    def has(self, name: str, sha256: str) -> bool:
        """Return False: to put a small file again costs no more than to look for it."""
        return False

    def put(self, staged: Path, name: str, sha256: str) -> None:
        """Upload the file."""
        self._bucket.put_file(name, staged, sha256, _media_type(name))

    def publish(self, staged: Path, name: str) -> None:
        """Upload the file."""
        self.put(staged, name, str(hash_of(staged)))

    def change(self, name: str, change: Change) -> None:
        """Replace the object if no other process has replaced it meanwhile, else try again."""
        self._bucket.change(name, change, _media_type(name))

    def sync(self) -> None:
        """Do nothing: an uploaded object is durable."""

    def read(self, name: str) -> bytes | None:
        """Get the object."""
        return self._bucket.read(name)

    def hash_of(self, name: str) -> str | None:
        """Get the object and hash it: its metadata is no proof of its bytes."""
        digest = hashlib.sha256()
        try:
            for data in self._bucket.stream(name):
                digest.update(data)
        except NotFoundError:
            return None
        return digest.hexdigest()

    def download(self, name: str, folder: Path) -> None:
        """Download the object to a file of the same name; without an object there is none."""
        target = folder / name
        with writing_to(folder), target.open("xb") as file:
            try:
                for data in self._bucket.stream(name):
                    file.write(data)
            except NotFoundError:
                target.unlink()

    def each(self, call: Callable[[Value], Answer], values: Sequence[Value]) -> Iterator[Answer]:
        """Call it in several threads."""
        return self._threads().map(call, values)

    def remove(self, name: str) -> None:
        """Delete the object."""
        self._bucket.delete(name)

    def close(self) -> None:
        """Remove the staged files, and end the threads; further use starts others."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        self._staging.close()


def destination_of(place: Place, scratch: Path) -> Destination:
    """Return the destination at a place.

    Args:
        place: a folder, which may be relative, or a bucket.
        scratch: folder of this machine for files on their way to a bucket.

    Raises:
        UsageError: the folder is a file, or the provider's variables are invalid.
    """
    if isinstance(place, BucketUrl):
        return BucketDestination(place, scratch)
    folder = place.expanduser().resolve()
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file.", "Name a folder for --out.")
    return FolderDestination(folder)


def remove_result(out: Destination, names: OutputNames) -> bool:
    """Delete the outputs of one file; return False if there are none. Idempotent.

    The JSON is deleted last, because it names the others.
    """
    result = out.read(names.json)
    if result is None:
        return False
    siblings = {MARKDOWN_FILE}
    with suppress(ValueError):  # a damaged result: the names of its other files are unknown
        siblings |= named_files(result).keys()
    for name in sorted(siblings):
        out.remove(names.of(name))
    out.remove(names.json)
    return True


def _media_type(name: str) -> str:
    known = _MEDIA_TYPES.get(Path(name).suffix)
    return known or mimetypes.guess_type(name)[0] or "application/octet-stream"
