"""The home folder, which holds all data of Docmill on one machine."""

import os
import shutil
from pathlib import Path

from docmill.errors import UnavailableError, UsageError
from docmill.settings import MIB

MIN_FREE_BYTES = 200 * MIB
"""Minimum free space to start a command, so that the disk does not fill up during a batch."""


class Home:
    """Paths in a home folder.

    Attributes:
        root: the folder; only its owner may read it, because it holds results of documents.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self) -> "Home":
        """Create the folder and its missing sub-folders.

        Raises:
            UsageError: the folder cannot be created, or is not writable.
        """
        try:
            for folder in (self.root, self.objects, self.logs, self._locks):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error.strerror or "it cannot be created") from None
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise self._unusable("it is not writable")
        return self

    def _unusable(self, reason: str) -> UsageError:
        return UsageError(
            f"The home folder {self.root} cannot be used: {reason}.",
            "Set DOCMILL_HOME to a writable folder.",
        )

    @property
    def records(self) -> Path:
        """The records database, if no other is configured."""
        return self.root / "records.db"

    @property
    def temporal(self) -> Path:
        """The embedded Temporal server's database."""
        return self.root / "temporal.db"

    @property
    def objects(self) -> Path:
        """The object store, if no other is configured."""
        return self.root / "objects"

    @property
    def logs(self) -> Path:
        """One log file per process."""
        return self.root / "logs"

    @property
    def server_file(self) -> Path:
        """Addresses of the last embedded server."""
        return self.root / "server.json"

    @property
    def _locks(self) -> Path:
        return self.root / "locks"

    def lock(self, name: str) -> Path:
        """Return the path of the lock ``name``."""
        return self._locks / f"{name}.lock"

    def log(self, name: str) -> Path:
        """Return the path of the log of the process ``name``."""
        return self.logs / f"{name}.log"

    def free_bytes(self) -> int:
        """Return the free space of the home's disk, in bytes."""
        existing = next(folder for folder in (self.root, *self.root.parents) if folder.exists())
        return shutil.disk_usage(existing).free

    def check_space(self) -> None:
        """Check that the disk has enough free space.

        Raises:
            UnavailableError: less than `MIN_FREE_BYTES` are free.
        """
        free = self.free_bytes()
        if free < MIN_FREE_BYTES:
            raise UnavailableError(
                f"Only {free // MIB} MB are free on the disk of {self.root}.",
                f"Free at least {MIN_FREE_BYTES // MIB} MB, or move DOCMILL_HOME to another disk.",
            )
