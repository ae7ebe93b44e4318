"""Visible directories and entries, as SQL conditions."""

from sqlalchemy import ColumnElement, and_, or_

from docmill.records.tables.sources import Directory, DirectoryFile

JOBS_TYPE = "jobs"
"""Type of a project's internal directory, which lists the files of single jobs."""


def is_public() -> ColumnElement[bool]:
    """Return a condition for public directories; the query must select or join `Directory`.

    Internal directories are used by Docmill only. No request can name or list them or their
    entries.
    """
    return Directory.type != JOBS_TYPE


def is_live() -> ColumnElement[bool]:
    """Return a condition for visible entries; the query must join their `Directory`.

    Entries of an unpublished scan are above the watermark and not visible.
    """
    return and_(
        DirectoryFile.sequence <= Directory.watermark,
        or_(
            DirectoryFile.removed_sequence.is_(None),
            DirectoryFile.removed_sequence > Directory.watermark,
        ),
    )
