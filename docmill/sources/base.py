"""The protocol of sources: where the files of a directory are listed."""

from collections.abc import Iterator
from typing import Any, Protocol

from docmill.contracts.scans import LeftOut, ScannedEntry


class Source(Protocol):
    """Which files of a folder or a bucket belong to a directory.

    `docmill.sources.documents` reads the listed files.
    """

    @property
    def name(self) -> str:
        """A name for its directory."""

    @property
    def location(self) -> str:
        """The folder, or the URL of the bucket and prefix; without credentials."""

    @property
    def recursive(self) -> bool:
        """Whether subfolders are included."""

    @property
    def include(self) -> tuple[str, ...]:
        """Patterns (`docmill.sources.globs`) of files to include; empty includes all."""

    @property
    def exclude(self) -> tuple[str, ...]:
        """Patterns of files and whole subfolders to exclude."""

    def as_json(self) -> dict[str, Any]:
        """Return the JSON for the directory's row; `docmill.sources.choice` reads it."""

    def scan(self, left_out: LeftOut | None = None) -> Iterator[list[ScannedEntry]]:
        """List the files in chunks, in bounded memory; add excluded ones to ``left_out``.

        Raises:
            UsageError: the source cannot be listed; the hint says what to do.
            UnavailableError: it cannot be listed now.
        """
