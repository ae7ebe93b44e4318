"""A folder uploaded to the shared store, for workers that cannot read it."""

import asyncio
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docmill.cli.context import CommandContext
from docmill.contracts.scans import LeftOut, ScannedEntry
from docmill.ids import Prefix, derived_id
from docmill.objects.base import CHUNK
from docmill.objects.documents import store_document
from docmill.records.directories import Directories, source_key_of
from docmill.records.directory_files import DirectoryFiles
from docmill.records.files import Files
from docmill.records.scans import MAX_VANISHED_NAMES, ScanSummary
from docmill.records.tables.sources import Directory, DirectoryFile, File
from docmill.sources.folder import FolderSource

SIGNATURE = "signature"
"""Key of an entry's metadata: a file with the same one is not read again."""
ENTRIES = 1000


async def upload_folder(
    context: CommandContext, project_id: str, source: FolderSource
) -> tuple[Directory, ScanSummary]:
    """Update a directory of uploads from the folder, and return it with a summary.

    Files that did not change are not read. After an interruption, the next call continues.

    Raises:
        UsageError: part of the folder cannot be read.
        UnavailableError: the store or the database is unavailable.
    """
    upload = _Upload(context, project_id, source)
    async with context.database.write() as session:
        directory = await Directories(session).create(
            project_id, source.name, id=upload.directory_id
        )
    left_out = LeftOut()
    chunks = source.scan(left_out)
    while chunk := await asyncio.to_thread(_next, chunks):
        for entry in chunk:
            await upload.take(entry)
    await upload.drop_vanished()
    async with context.database.write() as session:
        directory = await Directories(session).get(project_id, directory.id)
        directory.left_out = left_out.as_json()
    return directory, upload.summary(directory.live_count, directory.left_out)


def _next(chunks: Iterator[list[ScannedEntry]]) -> list[ScannedEntry]:
    return next(chunks, [])


class _Upload:
    def __init__(self, context: CommandContext, project_id: str, source: FolderSource) -> None:
        self._context = context
        self._project_id = project_id
        self._source = source
        self.directory_id = derived_id(
            Prefix.DIRECTORY, project_id, "uploaded", source_key_of(source.as_json())
        )
        self._seen: set[str] = set()
        self._new = self._changed = 0
        self._vanished: list[str] = []

    async def take(self, entry: ScannedEntry) -> None:
        """Upload one file unless the directory lists this version of it already."""
        known = await self._known(entry)
        self._seen.add(entry.unique_id)
        if known is not None and known.file_metadata.get(SIGNATURE) == entry.signature:
            return
        with tempfile.TemporaryDirectory(dir=self._context.home.root) as scratch:
            copy = Path(scratch) / "document"
            path = self._source.folder / os.fsdecode(entry.raw_path)
            try:
                sha256, size = await asyncio.to_thread(_copy, path, copy)
            except FileNotFoundError:  # it went away while the folder was being listed
                self._seen.discard(entry.unique_id)
                return
            what = (self._context.store, self._project_id, sha256, size, copy)
            await self._list(entry, self._file(entry, sha256, size, await store_document(*what)))
            await store_document(*what)
        self._new += known is None
        self._changed += known is not None

    async def _list(self, entry: ScannedEntry, file: File) -> None:
        async with self._context.database.write() as session:
            file, _ = await Files(session).create(file)
            await DirectoryFiles(session).attach(
                self._project_id,
                self.directory_id,
                file,
                unique_id=entry.unique_id,
                display_name=entry.display_name,
                metadata={SIGNATURE: entry.signature},
            )

    async def _known(self, entry: ScannedEntry) -> DirectoryFile | None:
        async with self._context.database.read() as session:
            found = await DirectoryFiles(session).list(
                self._project_id, self.directory_id, unique_id=entry.unique_id, limit=1
            )
        return next(iter(found.items), None)

    def _file(self, entry: ScannedEntry, sha256: str, size: int, key: str) -> File:
        return File(
            id=derived_id(Prefix.FILE, self._project_id, "uploaded", sha256),
            project_id=self._project_id,
            name=entry.display_name,
            size=size,
            sha256=sha256,
            object_key=key,
        )

    async def drop_vanished(self) -> None:
        """Remove files from the listing that the folder no longer has."""
        cursor: str | None = None
        gone: list[DirectoryFile] = []
        while True:
            async with self._context.database.read() as session:
                page = await DirectoryFiles(session).list(
                    self._project_id, self.directory_id, limit=ENTRIES, cursor=cursor
                )
            gone += [row for row in page.items if row.unique_id not in self._seen]
            cursor = page.next
            if cursor is None:
                break
        for start in range(0, len(gone), ENTRIES):
            ids = [row.id for row in gone[start : start + ENTRIES]]
            async with self._context.database.write() as session:
                await DirectoryFiles(session).bulk_delete(self._project_id, self.directory_id, ids)
        self._vanished = [row.display_name for row in gone]

    def summary(self, total: int, left_out: dict[str, Any] | None) -> ScanSummary:
        """Return what was found, compared with the upload before."""
        named = tuple(self._vanished[:MAX_VANISHED_NAMES])
        return ScanSummary(total, self._new, self._changed, named, len(self._vanished), left_out)


def _copy(source: Path, target: Path) -> tuple[str, int]:
    """Copy a file that may change meanwhile, and return the hash and size of what was copied."""
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb", buffering=0) as reader, target.open("wb") as writer:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileNotFoundError  # a pipe or a device has taken its place
        while data := reader.read(CHUNK):
            digest.update(data)
            size += len(data)
            writer.write(data)
    return digest.hexdigest(), size
