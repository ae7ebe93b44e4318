"""What a project may still store and start, as far as it has limits."""

import time
from dataclasses import dataclass

from docmill.api.core.errors import TooLargeError
from docmill.contracts.access import Limits
from docmill.errors import LimitError
from docmill.records.database import Database, Session
from docmill.records.usage import Usage
from docmill.settings import MIB, Settings

USAGE_SECONDS = 5.0
"""How long a process goes on with the stored bytes that it has counted, plus its own uploads."""
OPEN_BATCHES_RETRY_SECONDS = 5.0
"""When a batch may have ended, so that asking again is worth it."""


@dataclass(slots=True)
class _Counted:
    stored: int
    at: float


class StoredBytes:
    """How much each limited project stores, as this process knows it."""

    def __init__(self) -> None:
        self._counted: dict[str, _Counted] = {}

    async def admit(self, database: Database, project_id: str, limits: Limits, size: int) -> None:
        """Let a project store ``size`` bytes more; without a limit nothing is asked.

        Uploads to several processes within `USAGE_SECONDS` may together pass the limit.

        Raises:
            LimitError: they do not fit; waiting does not help.
            UnavailableError: the database is away.
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
    """Let a project have one more batch, in the transaction that makes it.

    Raises:
        LimitError: as many as it may have have not ended.
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
    """The largest upload of a request, and whose limit that is."""

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
        """Return what a larger upload is told."""
        return TooLargeError(f"The file is larger than {self.max_bytes // MIB} MiB.", self.hint)
