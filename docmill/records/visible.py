"""Which versions of a directory's entries count, as SQL."""

from sqlalchemy import ColumnElement, and_, or_

from docmill.records.tables import Directory, DirectoryFile


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
