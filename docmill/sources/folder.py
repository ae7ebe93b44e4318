"""Local folders: what is in them, in an order that does not change."""

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


@dataclass(frozen=True, slots=True)
class FolderSource:
    """Which files of a folder belong to a directory.

    Attributes:
        folder: absolute, without symlinks; see `resolve`.
        recursive: whether subfolders belong to it.
        include: patterns (`docmill.sources.globs`) of files to take; empty takes all.
        exclude: patterns of files and whole subfolders to leave out.
        leave_out: absolute paths of our own inside it: the home, the output.
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
        """Return the source for a folder as a person names it: relative, through symlinks.

        Raises:
            UsageError: there is no such folder, its name is not UTF-8, or it would be left out.
        """
        real = folder.expanduser().resolve()
        if not real.is_dir():
            what = "is a file" if real.exists() else "does not exist"
            raise UsageError(f"{folder} {what}.", "Name an existing folder with documents.")
        if not _is_utf8(real):
            raise UsageError(
                f"The name of the folder {display_path(os.fsencode(real))} is not UTF-8.",
                "Rename the folder; the names of the files in it may be anything.",
            )
        away = tuple(path.expanduser().resolve() for path in leave_out)
        if real in away:
            raise UsageError(
                f"{folder} cannot be read and written at the same time.",
                "Choose an --out other than the folder itself.",
            )
        inside = tuple(sorted(path for path in away if path.is_relative_to(real)))
        return cls(real, recursive, tuple(include), tuple(exclude), inside, follow_links)

    def as_json(self) -> dict[str, Any]:
        """Return what a directory's row keeps of it; `from_json` is the inverse.

        ``follow_links`` is there only when it is set: a source of before it existed has the
        same form, and so the same directory.
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
        """Return the source that `as_json` described."""
        return cls(
            Path(stored["folder"]),
            stored["recursive"],
            tuple(stored["include"]),
            tuple(stored["exclude"]),
            tuple(map(Path, stored["leave_out"])),
            stored.get("follow_links", False),
        )


def scan(
    source: FolderSource, chunk: int = 1000, left_out: LeftOut | None = None
) -> Iterator[list[ScannedEntry]]:
    """Walk the folder, depth first, sorted by name, and return its files in chunks.

    Symlinks (unless they are followed), hidden files, litter, what is no regular file and what
    may not be read are left out, and ``left_out`` is told of each. What disappears while the
    walk goes on is left out too. Memory holds the names of one folder and of those above it,
    never the whole tree.

    Raises:
        UsageError: the folder itself cannot be read, or the disk fails.
    """
    files = Walk(
        root=os.fsencode(source.folder),
        recursive=source.recursive,
        include=Globs(source.include) if source.include else None,
        exclude=Globs(source.exclude),
        leave_out=frozenset(
            os.fsencode(path.relative_to(source.folder))
            for path in source.leave_out
            if path.is_relative_to(source.folder)
        ),
        follow_links=source.follow_links,
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
