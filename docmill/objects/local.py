"""The local object store: objects are files in a folder."""

import asyncio
import errno
import os
import shutil
import stat
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from docmill.errors import NotFoundError, UnavailableError
from docmill.objects.base import CHUNK, check_key
from docmill.objects.durable import move_all_into_place, move_into_place
from docmill.objects.staging import Staging, sweep

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR})


class LocalStore:
    """Objects as files below a root folder; the key is the relative path.

    Raises:
        UnavailableError: the root cannot be created.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        with self._converted_errors():
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            sweep(root)
        self._staging = Staging(root)

    async def put_file(self, key: str, path: Path) -> None:
        """Move the file into the store, or copy it across file systems."""
        await self.put_files({key: path})

    async def put_files(self, files: Mapping[str, Path | bytes]) -> None:
        """Move files into the store, and write bytes; each target folder is synced once."""
        targets = {self.local_path(key): file for key, file in files.items()}
        await asyncio.to_thread(self._take, targets)

    async def put_bytes(self, key: str, data: bytes) -> None:
        """Store ``data``."""
        await asyncio.to_thread(self._write, self.local_path(key), data)

    async def get_bytes(self, key: str) -> bytes:
        """Return the bytes of an object."""
        return await asyncio.to_thread(self._read, key)

    async def stream(self, key: str, chunk: int = CHUNK, *, start: int = 0) -> AsyncIterator[bytes]:
        """Stream an object; if it is replaced meanwhile, the stream still has the old bytes."""
        descriptor = await asyncio.to_thread(self._open, key)
        try:
            os.lseek(descriptor, start, os.SEEK_SET)
            while data := await asyncio.to_thread(self._read_some, descriptor, chunk):
                yield data
        finally:
            os.close(descriptor)

    async def size(self, key: str) -> int | None:
        """Return an object's size in bytes, or None."""
        return await asyncio.to_thread(self._size, key)

    async def delete(self, key: str) -> None:
        """Delete an object if it exists."""
        await asyncio.to_thread(self._delete, self.local_path(key))

    def local_path(self, key: str) -> Path:
        """Return the path of the object, whether or not it exists."""
        return self._root / check_key(key)

    async def delete_below(self, prefix: str) -> None:
        """Delete a folder of objects if it exists."""
        await asyncio.to_thread(self._delete_tree, self.local_path(prefix))

    def close(self) -> None:
        """Remove the staging folder."""
        self._staging.close()

    async def ping(self) -> None:
        """Write a byte and delete it."""
        await asyncio.to_thread(self._probe)

    def _take(self, source_of: Mapping[Path, Path | bytes]) -> None:
        with ExitStack() as stack:
            staged_of = {target: stack.enter_context(self._staged()) for target in source_of}
            for target, source in source_of.items():
                if isinstance(source, bytes):
                    staged_of[target].write_bytes(source)
                    continue
                try:
                    source.rename(staged_of[target])
                except OSError as error:
                    if error.errno != errno.EXDEV:
                        raise
                    shutil.copyfile(source, staged_of[target], follow_symlinks=False)
            move_all_into_place(staged_of)

    def _write(self, target: Path, data: bytes) -> None:
        with self._staged() as staged:
            staged.write_bytes(data)
            move_into_place(staged, target)

    def _open(self, key: str) -> int:
        path = self.local_path(key)
        with self._converted_errors(key):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        return descriptor

    def _read_some(self, descriptor: int, chunk: int) -> bytes:
        with self._converted_errors():
            return os.read(descriptor, chunk)

    def _read(self, key: str) -> bytes:
        with os.fdopen(self._open(key), "rb") as file, self._converted_errors(key):
            return file.read()

    def _size(self, key: str) -> int | None:
        try:
            with self._converted_errors(key):
                found = self.local_path(key).stat(follow_symlinks=False)
        except NotFoundError:
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def _delete(self, path: Path) -> None:
        with self._converted_errors():
            path.unlink(missing_ok=True)

    def _delete_tree(self, path: Path) -> None:
        with self._converted_errors(), suppress(FileNotFoundError):
            shutil.rmtree(path)

    def _probe(self) -> None:
        with self._staged() as staged:
            staged.write_bytes(b"1")

    @contextmanager
    def _staged(self) -> Iterator[Path]:
        """Yield a path to write to; a file that is still there at the end is deleted."""
        with self._converted_errors():
            staged = self._staging.fresh()
            try:
                yield staged
            finally:
                staged.unlink(missing_ok=True)

    @contextmanager
    def _converted_errors(self, key: str | None = None) -> Iterator[None]:
        """Convert the system's errors; ``key`` is the object that must exist."""
        try:
            yield
        except OSError as error:
            if key is not None and error.errno in _ABSENT:
                raise NotFoundError(f"The object {key} is not in the store.") from None
            raise UnavailableError(
                f"The store in {self._root} cannot be used: {error.strerror}.",
                "Check that the folder exists, is writable, and has free space.",
            ) from error
