"""Choice of the kind of a source: a bucket for a URL, a folder for a path."""

from pathlib import Path
from typing import Any

from docmill.objects.places import BucketUrl, Place
from docmill.sources.base import Source
from docmill.sources.bucket import BucketSource
from docmill.sources.folder import FolderSource


def resolve_source(
    place: Place,
    *,
    recursive: bool = True,
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    leave_out: tuple[Place, ...] = (),
    follow_links: bool = False,
) -> Source:
    """Return the source at a place; see `FolderSource.resolve` and `BucketSource.resolve`.

    Args:
        place: a folder or a bucket.
        recursive: whether subfolders are included.
        include: patterns of files to include; empty includes all.
        exclude: patterns of files and whole subfolders to exclude.
        leave_out: places to exclude; those of the other kind are never inside.
        follow_links: whether symlinks of a folder are followed; a bucket has none.

    Raises:
        UsageError: the folder cannot be used, or it is excluded.
    """
    if isinstance(place, BucketUrl):
        return BucketSource.resolve(
            place,
            recursive=recursive,
            include=include,
            exclude=exclude,
            leave_out=tuple(other for other in leave_out if isinstance(other, BucketUrl)),
        )
    return FolderSource.resolve(
        place,
        recursive=recursive,
        include=include,
        exclude=exclude,
        leave_out=tuple(other for other in leave_out if isinstance(other, Path)),
        follow_links=follow_links,
    )


def source_of(stored: dict[str, Any]) -> Source:
    """Return the source of a directory's row."""
    if "bucket" in stored:
        return BucketSource.from_json(stored)
    return FolderSource.from_json(stored)
