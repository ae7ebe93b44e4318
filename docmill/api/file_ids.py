"""Which uploaded file an id means."""

from typing import Any

from docmill.errors import NotFoundError
from docmill.records.directory_files import DirectoryFiles
from docmill.records.files import Files
from docmill.records.tables import File


async def resolve_file(session: Any, project_id: str, file_id: str) -> File:
    """Return the file of a file's id, or of a directory file's: clients use both alike.

    Raises:
        NotFoundError: neither exists, or the directory file is read in place from a folder.
    """
    try:
        return await Files(session).get(project_id, file_id)
    except NotFoundError:
        entry = await DirectoryFiles(session).find(project_id, file_id)
        if entry.file_id is None:
            raise
        return await Files(session).get(project_id, entry.file_id)
