"""Scans a source into a directory; the new listing becomes visible when it is complete."""

import asyncio
from collections.abc import Iterator, Sequence

from docmill.contracts.scans import LeftOut, ScannedEntry
from docmill.records.database import Database
from docmill.records.directories import Directories
from docmill.records.scans import Scans, ScanSummary
from docmill.records.tables.sources import Directory
from docmill.sources.base import Source


async def scan_source(
    database: Database, project_id: str, source: Source
) -> tuple[Directory, ScanSummary]:
    """Scan a source into its directory; return the directory and a summary.

    The same source is the same directory, so that unchanged files keep their directory files, with
    the hashes of their bytes.

    Raises:
        UsageError: the source is missing or cannot be listed.
        UnavailableError: it cannot be listed now.
    """
    async with database.write() as session:
        directory = await Directories(session).find_or_create_source(
            project_id, source.name, source.as_json()
        )
        scan_id = await Scans(session).begin(directory.id)
    left_out = LeftOut()
    chunks = source.scan(left_out)
    chunk = await asyncio.to_thread(_next, chunks)
    while following := await asyncio.to_thread(_next, chunks):
        async with database.write() as session:
            await Scans(session).add(directory.id, scan_id, chunk)
        chunk = following
    # The last chunk shares its transaction: most sources have no other.
    async with database.write() as session:
        if chunk:
            await Scans(session).add(directory.id, scan_id, chunk)
        summary = await Scans(session).publish(directory.id, scan_id, left_out.as_json())
        return await Directories(session).get(project_id, directory.id), summary


def _next(chunks: Iterator[list[ScannedEntry]]) -> Sequence[ScannedEntry]:
    return next(chunks, [])
