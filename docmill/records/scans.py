"""Scans: the files of a source become entries of a directory, atomically.

A scan writes entries above the directory's watermark, in chunks with a transaction each. Only
`Scans.publish` raises the watermark. Entries that the scan has seen are kept as bitmaps in the
database, so that neither memory nor writes grow with unchanged files.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.scans import ScannedEntry
from docmill.errors import ConflictError, NotFoundError
from docmill.ids import Prefix, derived_id
from docmill.records.statements import chunked, insert_into, is_one_of
from docmill.records.tables.base import INDEXED_CHARACTERS, beginning, now
from docmill.records.tables.sources import Directory, DirectoryFile, ScanMark

MAX_VANISHED_NAMES = 100

BLOCK = 8_192
"""Sequence numbers per bitmap of 1 KiB. Scans meet entries in about the same order as before, so
that a chunk touches one or two bitmaps."""


class ScanSuperseded(ConflictError):  # noqa: N818 - an expected conflict
    """A newer scan of the same directory replaced this one."""


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """Result of a scan, compared with the previous listing.

    Attributes:
        total: number of listed entries.
        new: number of entries that were not listed before.
        changed: number of entries whose file changed.
        vanished: names of the first 100 removed entries.
        vanished_count: number of removed entries.
        left_out: files of the source that are not listed, by reason; see
            `docmill.contracts.scans`. None if there are none.
    """

    total: int
    new: int
    changed: int
    vanished: tuple[str, ...] = field(default=())
    vanished_count: int = 0
    left_out: dict[str, Any] | None = None


class ScanMarks:
    """Bitmaps of a directory's running scan."""

    def __init__(self, session: AsyncSession, directory_id: str) -> None:
        self._session = session
        self._directory_id = directory_id

    async def clear(self) -> None:
        """Delete all bitmaps."""
        await self._session.execute(
            delete(ScanMark).where(ScanMark.directory_id == self._directory_id)
        )

    async def add(self, sequences: Iterable[int]) -> None:
        """Mark entries as seen; idempotent."""
        by_block: dict[int, int] = defaultdict(int)
        for sequence in sequences:
            by_block[sequence // BLOCK] |= 1 << sequence % BLOCK
        if not by_block:
            return
        query = select(ScanMark.block, ScanMark.bits).where(
            ScanMark.directory_id == self._directory_id, ScanMark.block.in_(by_block)
        )
        for block, bits in await self._session.execute(query):
            by_block[block] |= int.from_bytes(bits, "little")
        insert = insert_into(self._session, ScanMark)
        await self._session.execute(
            insert.on_conflict_do_update(
                index_elements=["directory_id", "block"], set_={"bits": insert.excluded.bits}
            ),
            [
                {
                    "directory_id": self._directory_id,
                    "block": block,
                    "bits": bits.to_bytes(BLOCK // 8, "little"),
                }
                for block, bits in by_block.items()
            ],
        )

    async def count(self) -> int:
        """Return the number of marked entries."""
        query = select(ScanMark.bits).where(ScanMark.directory_id == self._directory_id)
        blocks = await self._session.scalars(query)
        return sum(int.from_bytes(bits, "little").bit_count() for bits in blocks)

    async def of_block(self, block: int) -> int:
        """Return the bitmap of one block."""
        query = select(ScanMark.bits).where(
            ScanMark.directory_id == self._directory_id, ScanMark.block == block
        )
        bits = await self._session.scalar(query)
        return int.from_bytes(bits or b"", "little")


class Scans:
    """Stores the findings of scans."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def begin(self, directory_id: str) -> str:
        """Start a scan and remove the remains of an abandoned one; return the id of the scan.

        Raises:
            NotFoundError: there is no such directory.
        """
        directory = await self._lock(directory_id)
        unpublished = (
            DirectoryFile.directory_id == directory_id,
            DirectoryFile.sequence > directory.watermark,
        )
        await self._session.execute(delete(DirectoryFile).where(*unpublished))
        replaced = update(DirectoryFile).where(
            DirectoryFile.directory_id == directory_id,
            DirectoryFile.removed_sequence > directory.watermark,
        )
        await self._session.execute(replaced.values(removed_sequence=None))
        await ScanMarks(self._session, directory_id).clear()
        directory.scan_id = str(uuid4())
        await self._session.flush()
        return directory.scan_id

    async def add(self, directory_id: str, scan_id: str, entries: Sequence[ScannedEntry]) -> None:
        """Write one chunk of entries; idempotent.

        An entry with an unchanged signature keeps its row and its hash. An entry with another
        signature becomes a new version with the same id.

        Raises:
            ScanSuperseded: a newer scan replaced this one.
        """
        directory = await self._held(directory_id, scan_id)
        known = await self._known(directory_id, [entry.unique_id for entry in entries])
        seen: list[int] = []
        fresh: dict[str, ScannedEntry] = {}
        for entry in entries:
            row = known.get(entry.unique_id)
            if row is not None and row.sequence <= directory.watermark:
                seen.append(row.sequence)
            if row is None or row.signature != entry.signature:
                fresh[entry.unique_id] = entry
        await self._insert(directory, known, list(fresh.values()))
        await ScanMarks(self._session, directory_id).add(seen)

    async def publish(
        self, directory_id: str, scan_id: str, left_out: dict[str, Any] | None = None
    ) -> ScanSummary:
        """Make all entries of this scan visible at once, and end the scan.

        ``left_out`` lists what it omitted; batches over the directory copy it.

        Raises:
            ScanSuperseded: a newer scan replaced this one.
        """
        directory = await self._held(directory_id, scan_id)
        marks = ScanMarks(self._session, directory_id)
        written = await self._count(directory_id, DirectoryFile.sequence > directory.watermark)
        changed = await self._count(
            directory_id, DirectoryFile.removed_sequence > directory.watermark
        )
        vanished_count = directory.live_count - await marks.count()
        vanished = await self._remove_unseen(directory, marks) if vanished_count else ()
        directory.live_count += written - changed - vanished_count
        directory.watermark = directory.sequence
        directory.scan_id = None
        directory.left_out = left_out
        await marks.clear()
        await self._session.flush()
        return ScanSummary(
            total=directory.live_count,
            new=written - changed,
            changed=changed,
            vanished=vanished,
            vanished_count=vanished_count,
            left_out=left_out,
        )

    async def _lock(self, directory_id: str) -> Directory:
        query = select(Directory).where(Directory.id == directory_id).with_for_update()
        found = await self._session.scalar(query.execution_options(populate_existing=True))
        if found is None:
            raise NotFoundError(
                f"No directory {directory_id}.", "List directories to see their ids."
            )
        return found

    async def _held(self, directory_id: str, scan_id: str) -> Directory:
        directory = await self._lock(directory_id)
        if directory.scan_id != scan_id:
            raise ScanSuperseded(
                "A newer scan of this directory took over.", "Use what that one publishes."
            )
        return directory

    async def _known(self, directory_id: str, names: Sequence[str]) -> dict[str, Any]:
        """Return the latest version of each entry that counts, or would count after this scan."""
        known: dict[str, Any] = {}
        beginnings = sorted({name[:INDEXED_CHARACTERS] for name in names})
        for some in chunked(beginnings):
            query = select(
                DirectoryFile.unique_id,
                DirectoryFile.sequence,
                DirectoryFile.signature,
            ).where(
                DirectoryFile.directory_id == directory_id,
                is_one_of(self._session, beginning(DirectoryFile.unique_id), some),
                DirectoryFile.removed_sequence.is_(None),
            )
            known |= {row.unique_id: row for row in await self._session.execute(query)}
        return known

    async def _kept(self, directory_id: str, sequences: Sequence[int]) -> dict[int, Any]:
        """Return what new versions keep of old ones, by the sequence number of these."""
        kept: dict[int, Any] = {}
        for some in chunked(sequences):
            query = select(
                DirectoryFile.sequence,
                DirectoryFile.id,
                DirectoryFile.created_at,
                DirectoryFile.file_metadata,
            ).where(DirectoryFile.directory_id == directory_id, DirectoryFile.sequence.in_(some))
            kept |= {row.sequence: row for row in await self._session.execute(query)}
        return kept

    async def _insert(
        self, directory: Directory, known: dict[str, Any], entries: Sequence[ScannedEntry]
    ) -> None:
        """Insert new entries and new versions above the watermark."""
        rows, replaced, updated = [], [], []
        kept = await self._kept(
            directory.id,
            [known[one.unique_id].sequence for one in entries if one.unique_id in known],
        )
        for entry in entries:
            old = known.get(entry.unique_id)
            if old is not None and old.sequence > directory.watermark:
                # This scan inserted it before, and the file changed before the chunk was repeated.
                updated.append(_place(directory, old.sequence) | _version(entry))
                continue
            directory.sequence += 1
            rows.append(_row(directory, entry, None if old is None else kept[old.sequence]))
            if old is not None:
                place = _place(directory, old.sequence)
                replaced.append(place | {"removed_sequence": directory.sequence})
        if rows:
            await self._session.execute(insert(DirectoryFile), rows)
        for changes in (replaced, updated):
            if changes:
                await self._session.execute(update(DirectoryFile), changes)
        await self._session.flush()

    async def _count(self, directory_id: str, condition: ColumnElement[bool]) -> int:
        query = select(func.count()).where(DirectoryFile.directory_id == directory_id, condition)
        return (await self._session.scalar(query)) or 0

    async def _remove_unseen(self, directory: Directory, marks: ScanMarks) -> tuple[str, ...]:
        """Remove entries that the scan did not see from the listing; return the first names."""
        directory.sequence += 1
        names: list[str] = []
        for block in range(directory.watermark // BLOCK + 1):
            unseen = await self._unseen(directory, block, await marks.of_block(block))
            for some in chunked(unseen):
                gone = update(DirectoryFile).where(
                    DirectoryFile.directory_id == directory.id, DirectoryFile.sequence.in_(some)
                )
                gone = gone.values(removed_sequence=directory.sequence, deleted_at=now())
                await self._session.execute(gone)
                if len(names) < MAX_VANISHED_NAMES:
                    names += await self._names(directory.id, some)
        return tuple(names[:MAX_VANISHED_NAMES])

    async def _unseen(self, directory: Directory, block: int, seen: int) -> Sequence[int]:
        first = block * BLOCK
        query = (
            select(DirectoryFile.sequence)
            .where(
                DirectoryFile.directory_id == directory.id,
                DirectoryFile.sequence.between(first, min(first + BLOCK - 1, directory.watermark)),
                DirectoryFile.removed_sequence.is_(None),
            )
            .order_by(DirectoryFile.sequence)
        )
        listed = await self._session.scalars(query)
        return [sequence for sequence in listed if not seen >> sequence - first & 1]

    async def _names(self, directory_id: str, sequences: Sequence[int]) -> Sequence[str]:
        query = (
            select(DirectoryFile.unique_id)
            .where(
                DirectoryFile.directory_id == directory_id,
                DirectoryFile.sequence.in_(sequences[:MAX_VANISHED_NAMES]),
            )
            .order_by(DirectoryFile.sequence)
        )
        return (await self._session.scalars(query)).all()


def _place(directory: Directory, sequence: int) -> dict[str, Any]:
    return {"directory_id": directory.id, "sequence": sequence}


def _version(entry: ScannedEntry) -> dict[str, Any]:
    return {
        "display_name": entry.display_name,
        "source_path": entry.raw_path,
        "signature": entry.signature,
        "size": entry.size,
    }


def _row(directory: Directory, entry: ScannedEntry, old: Any) -> dict[str, Any]:
    """Return the row of an entry's new version; an entry that reappears keeps its old id."""
    when = now()
    identifier = derived_id(Prefix.FILE, directory.id, entry.unique_id)
    return (
        _place(directory, directory.sequence)
        | _version(entry)
        | {
            "id": identifier if old is None else old.id,
            "project_id": directory.project_id,
            "unique_id": entry.unique_id,
            "file_metadata": {} if old is None else old.file_metadata,
            "created_at": when if old is None else old.created_at,
            "updated_at": when,
        }
    )
