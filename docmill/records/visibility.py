"""Which directories and which versions of their entries count, as SQL."""

from sqlalchemy import ColumnElement, and_, or_

from docmill.records.tables.sources import Directory, DirectoryFile

JOBS_TYPE = "jobs"
"""The type of a project's internal directory: it lists the files of single jobs."""


def is_public() -> ColumnElement[bool]:
    """Return whether a directory is its project's own; the query must select or join it.

    Internal directories exist for Docmill alone: no request can name or list them, or what they
    list.
    """
    return Directory.type != JOBS_TYPE


def is_live() -> ColumnElement[bool]:
    """Return whether an entry is visible now; the query must join its `Directory`.

    What a scan has written but not published lies above the watermark, and is not.
    """
    return and_(
        DirectoryFile.sequence <= Directory.watermark,
        or_(
            DirectoryFile.removed_sequence.is_(None),
            DirectoryFile.removed_sequence > Directory.watermark,
        ),
    )
