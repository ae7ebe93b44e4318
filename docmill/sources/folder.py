"""Local folders as sources of files, listed in a stable order."""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Self

from docmill.contracts.scans import LeftOut, ScannedEntry
from docmill.errors import UsageError
from docmill.sources.globs import Globs
from docmill.sources.walk import Walk, display_path

CHUNK = 1000
"""Entries that a scan yields at a time."""


@dataclass(frozen=True, slots=True)
class FolderSource:
    """Which files of a folder belong to a directory.

    Attributes:
        folder: absolute, without symlinks; see `resolve`.
        recursive: whether subfolders are included.
        include: patterns (`docmill.sources.globs`) of files to include; empty includes all.
        exclude: patterns of files and whole subfolders to exclude.
        leave_out: absolute paths inside it to exclude: the home folder, the output folder.
        follow_links: whether symlinks that stay within the folder are followed.
    """

    folder: Path
    recursive: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    leave_out: tuple[Path, ...] = ()
    follow_links: bool = False

    @classmethod
    def resolve(
        cls,
        folder: Path,
        *,
        recursive: bool = True,
        include: tuple[str, ...] = (),
        exclude: tuple[str, ...] = (),
        leave_out: tuple[Path, ...] = (),
        follow_links: bool = False,
    ) -> Self:
        """Return the source for a folder in a user's form, which may be relative or a symlink.

        Raises:
            UsageError: the folder does not exist, its name is not UTF-8, or it is excluded.
        """
        real = folder.expanduser().resolve()
        if not real.is_dir():
            reason = "is a file" if real.exists() else "does not exist"
            raise UsageError(f"{folder} {reason}.", "Name an existing folder with documents.")
        if not _is_utf8(real):
            raise UsageError(
                f"The name of the folder {display_path(os.fsencode(real))} is not UTF-8.",
                "Rename the folder; the names of the files in it may be anything.",
            )
        excluded = tuple(path.expanduser().resolve() for path in leave_out)
        if real in excluded:
            raise UsageError(
                f"{folder} cannot be read and written at the same time.",
                "Choose an --out other than the folder itself.",
            )
        inside = tuple(sorted(path for path in excluded if path.is_relative_to(real)))
        return cls(real, recursive, tuple(include), tuple(exclude), inside, follow_links)

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.folder.name or "root"

    @property
    def location(self) -> str:
        """The path of the folder."""
        return str(self.folder)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON for the directory's row; `from_json` is the inverse.

        ``follow_links`` is present only if it is set, so that sources from before it existed keep
        their form, and with it their directory.
        """
        stored = {
            **asdict(self),
            "folder": str(self.folder),
            "include": list(self.include),
            "exclude": list(self.exclude),
            "leave_out": [str(path) for path in self.leave_out],
        }
        if not self.follow_links:
            del stored["follow_links"]
        return stored

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Return the source from the JSON of `as_json`."""
        return cls(
            Path(stored["folder"]),
            stored["recursive"],
            tuple(stored["include"]),
            tuple(stored["exclude"]),
            tuple(map(Path, stored["leave_out"])),
            stored.get("follow_links", False),
        )

    def scan(
        self, left_out: LeftOut | None = None, chunk: int = CHUNK
    ) -> Iterator[list[ScannedEntry]]:
        """Walk the folder depth first, sorted by name, and yield its files in chunks.

        Symlinks (unless they are followed), hidden files, litter, special files and unreadable
        files are excluded and added to ``left_out``. Files that disappear during the walk are
        excluded too. Memory holds the names of one folder and of its parents, never the whole tree.

        Raises:
            UsageError: the folder itself cannot be read, or the disk fails.
        """
        files = Walk(
            root=os.fsencode(self.folder),
            recursive=self.recursive,
            include=Globs(self.include) if self.include else None,
            exclude=Globs(self.exclude),
            leave_out=frozenset(
                os.fsencode(path.relative_to(self.folder))
                for path in self.leave_out
                if path.is_relative_to(self.folder)
            ),
            follow_links=self.follow_links,
            left_out=LeftOut() if left_out is None else left_out,
        ).files()
        while entries := list(islice(files, chunk)):
            yield entries


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
