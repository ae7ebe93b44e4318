"""A file whose bytes were read once, and what can be wrong with it."""

import asyncio
import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from docmill.errors import FailureClass, ItemFailure, Retry
from docmill.objects.base import CHUNK
from docmill.sources.walk import signature_of

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})
_REFUSED = frozenset({errno.EACCES, errno.EPERM})


@dataclass(frozen=True, slots=True)
class OpenedDocument:
    """A file whose bytes were read once.

    Attributes:
        path: a local file to read, never to write.
        sha256: of its bytes.
        size: bytes.
        status: what the file system said when it was read.
    """

    path: Path
    sha256: str
    size: int
    status: os.stat_result

    async def verify_unchanged(self) -> None:
        """Raise unless the file is still the one that was hashed: ask after the engine ran.

        Raises:
            ItemFailure: ``source_vanished`` or ``source_changed``.
        """
        await asyncio.to_thread(self.check_unchanged)

    def check_unchanged(self) -> None:
        """Do the same in this thread, which waits for the file system."""
        try:
            now = self.path.stat(follow_symlinks=False)
        except OSError as error:
            raise _why(error) from None
        if not os.path.samestat(now, self.status) or signature_of(now) != signature_of(self.status):
            raise changed("The file changed while it was being read.")


def read_whole(path: Path, signature: str | None = None) -> OpenedDocument:
    """Read a regular file once, whole, and say what it was. Symlinks are not followed.

    Args:
        path: the file.
        signature: what `signature_of` said when it was listed; None when nothing is known.

    Raises:
        ItemFailure: ``source_vanished``, ``source_changed``, ``empty`` or ``storage_error``.
    """
    try:
        # Without O_NONBLOCK, opening a pipe that took the file's place would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise changed("The file is no longer a regular file.")
            if signature not in (None, signature_of(status)):
                raise changed()
            if status.st_size == 0:
                raise ItemFailure(FailureClass.EMPTY, phase="read")
            digest = hashlib.sha256()
            while data := file.read(CHUNK):
                digest.update(data)
            after = os.fstat(descriptor)
    except OSError as error:
        raise _why(error) from None
    if signature_of(after) != signature_of(status):
        raise changed("The file changed while it was being read.")
    return OpenedDocument(path, digest.hexdigest(), status.st_size, status)


def _why(error: OSError) -> ItemFailure:
    """Say what the system's refusal means for one file."""
    if error.errno in _GONE:
        return vanished()
    if error.errno == errno.ELOOP:
        return changed("A symlink has taken the file's place.")
    return ItemFailure(
        FailureClass.STORAGE_ERROR,
        f"The file cannot be read: {error.strerror}.",
        phase="read",
        # One file's missing permission must not keep the batch waiting for ever.
        retry=Retry.NEVER if error.errno in _REFUSED else None,
    )


def vanished(message: str = "") -> ItemFailure:
    """The file is gone."""
    return ItemFailure(FailureClass.SOURCE_VANISHED, message, phase="read")


def changed(message: str = "") -> ItemFailure:
    """The file is not the one that was listed."""
    return ItemFailure(FailureClass.SOURCE_CHANGED, message, phase="read")
