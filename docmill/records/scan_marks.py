"""What a scan has seen, as bitmaps in the database: one small row for many entries."""

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.records.portable import insert_into
from docmill.records.tables import ScanMark

BLOCK = 8_192
"""Sequence numbers per bitmap: 1 KiB. A scan meets entries in about the order of the scan before,
so that a chunk of it touches one or two of them."""


class ScanMarks:
    """The bitmaps of one directory's running scan."""

    def __init__(self, session: AsyncSession, directory_id: str) -> None:
        self._session = session
        self._directory_id = directory_id

    async def clear(self) -> None:
        """Forget everything."""
        await self._session.execute(
            delete(ScanMark).where(ScanMark.directory_id == self._directory_id)
        )

    async def add(self, sequences: Iterable[int]) -> None:
        """Mark entries as seen; marking one again changes nothing."""
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
        """Return how many entries are marked."""
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
