"""Scans a folder into a directory; the new listing becomes visible when it is complete."""

import asyncio
from collections.abc import Iterator, Sequence

from docmill.contracts.scans import LeftOut, ScannedEntry
from docmill.records.database import Database
from docmill.records.directories import Directories
from docmill.records.scans import Scans, ScanSummary
from docmill.records.tables.sources import Directory
from docmill.sources.folder import FolderSource, scan


async def scan_folder(
    database: Database, project_id: str, source: FolderSource
) -> tuple[Directory, ScanSummary]:
    """Scan the folder of ``source`` into its directory; return the directory and a summary.

    The same source is the same directory, so that unchanged files keep their directory files, with
    the hashes of their bytes.

    Raises:
        UsageError: the folder is missing or cannot be read.
    """
    async with database.write() as session:
        directory = await Directories(session).find_or_create_source(
            project_id, source.folder.name or "root", source.as_json()
        )
        scan_id = await Scans(session).begin(directory.id)
    left_out = LeftOut()
    chunks = scan(source, left_out=left_out)
    while chunk := await asyncio.to_thread(_next, chunks):
        async with database.write() as session:
            await Scans(session).add(directory.id, scan_id, chunk)
    async with database.write() as session:
        summary = await Scans(session).publish(directory.id, scan_id, left_out.as_json())
        return await Directories(session).get(project_id, directory.id), summary


def _next(chunks: Iterator[list[ScannedEntry]]) -> Sequence[ScannedEntry]:
    return next(chunks, [])
