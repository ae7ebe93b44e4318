"""One engine run for the same bytes and parameters: whoever takes the lease makes the result."""

from datetime import timedelta

from sqlalchemy import delete, exists, literal, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts import ItemStatus
from docmill.records.items import ClaimedItem
from docmill.records.portable import insert_into, table_of
from docmill.records.tables import BatchItem, EngineLease, now

_leases, _items = table_of(EngineLease), table_of(BatchItem)
_HOLDING = exists(
    select(literal(1)).where(
        _items.c.batch_id == _leases.c.batch_id,
        _items.c.position == _leases.c.position,
        _items.c.status == ItemStatus.PROCESSING.value,
        _items.c.epoch == _leases.c.epoch,
        _items.c.attempts == _leases.c.attempt,
    )
)
"""A lease holds while the claim that took it does: an item that ended, was handed back or was
claimed anew holds nothing, so that no death leaves others waiting."""


class Leases:
    """Who makes which result."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def take(self, item: ClaimedItem, cache_key: str, *, at_most: float) -> bool:
        """Take the lease of a result for a claimed item; False while another item holds it.

        Args:
            item: as claimed.
            cache_key: of the result that it would make.
            at_most: seconds after which a holder can no longer be at work, whatever its row says.
        """
        claim = {
            "batch_id": item.batch_id,
            "position": item.position,
            "epoch": item.epoch,
            "attempt": item.attempt,
            "taken_at": now(),
        }
        place = {"project_id": item.project_id, "cache_key": cache_key}
        insert = insert_into(self._session, EngineLease).on_conflict_do_nothing()
        if await self._session.scalar(insert.values(place | claim).returning(_leases.c.cache_key)):
            return True
        overdue = now() - timedelta(seconds=at_most)
        take_over = (
            update(_leases)
            .where(*(_leases.c[name] == value for name, value in place.items()))
            .where(or_(not_(_HOLDING), _leases.c.taken_at < overdue))
            .values(claim)
            .returning(_leases.c.cache_key)
        )
        return await self._session.scalar(take_over) is not None

    async def forget(self, batch_id: str) -> None:
        """Drop what an ended batch left; the leases of completed items are gone already."""
        await self._session.execute(delete(_leases).where(_leases.c.batch_id == batch_id))
