"""Limits of a project: stored bytes, open batches and the size of uploads."""

import time
from dataclasses import dataclass

from docmill.api.core.errors import TooLargeError
from docmill.contracts.access import Limits
from docmill.errors import LimitError
from docmill.records.database import Database, Session
from docmill.records.usage import Usage
from docmill.settings import MIB, Settings

USAGE_SECONDS = 5.0
"""Time that a process caches the number of stored bytes, to which it adds its own uploads."""
OPEN_BATCHES_RETRY_SECONDS = 5.0
"""``Retry-After`` of the limit of open batches."""


@dataclass(slots=True)
class _Counted:
    stored: int
    at: float


class StoredBytes:
    """The stored bytes of each limited project, cached in this process."""

    def __init__(self) -> None:
        self._counted: dict[str, _Counted] = {}

    async def admit(self, database: Database, project_id: str, limits: Limits, size: int) -> None:
        """Check that a project may store ``size`` more bytes; without a limit nothing is read.

        Uploads to several processes within `USAGE_SECONDS` may together exceed the limit.

        Raises:
            LimitError: they would exceed the limit; waiting does not help.
            UnavailableError: the database is unavailable.
        """
        if limits.max_stored_bytes is None:
            return
        counted = self._counted.get(project_id)
        if counted is None or time.monotonic() - counted.at >= USAGE_SECONDS:
            async with database.read() as session:
                stored = await Usage(session).stored_bytes(project_id)
            counted = self._counted[project_id] = _Counted(stored, time.monotonic())
        if counted.stored + size > limits.max_stored_bytes:
            raise LimitError(
                f"The project may store {limits.max_stored_bytes // MIB} MiB, and "
                f"{counted.stored // MIB} MiB are stored.",
                "Delete what is not needed, or ask for more.",
            )
        counted.stored += size


async def admit_batch(session: Session, project_id: str, limits: Limits) -> None:
    """Check that a project may create one more batch, in the transaction that inserts it.

    Raises:
        LimitError: the project has its maximum of open batches.
    """
    if limits.max_open_batches is None:
        return
    if await Usage(session).open_batches(project_id) >= limits.max_open_batches:
        raise LimitError(
            f"The project may have {limits.max_open_batches} batches that have not ended.",
            "Let one end, or cancel one.",
            retry_after=OPEN_BATCHES_RETRY_SECONDS,
        )


@dataclass(frozen=True, slots=True)
class UploadLimit:
    """The maximum size of an upload, and the hint of its error."""

    max_bytes: int
    hint: str

    @classmethod
    def of(cls, settings: Settings, limits: Limits) -> "UploadLimit":
        """Return the lower one of the operator's limit and the project's."""
        most = settings.max_upload_mb * MIB
        if limits.max_upload_bytes is not None and limits.max_upload_bytes < most:
            return cls(limits.max_upload_bytes, "It is the project's limit; ask for a higher one.")
        return cls(most, "Raise DOCMILL_MAX_UPLOAD_MB.")

    def error(self) -> TooLargeError:
        """Return the error of a larger upload."""
        return TooLargeError(f"The file is larger than {self.max_bytes // MIB} MiB.", self.hint)
