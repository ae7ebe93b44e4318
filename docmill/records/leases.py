"""Leases: the right of an item to create the result for bytes and parameters."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import and_, bindparam, delete, exists, literal, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert

from docmill.contracts.words import ItemStatus
from docmill.records.items import ClaimedItem, ReadBytes
from docmill.records.statements import dialect_of, insert_for, run, table_of
from docmill.records.tables.attempts import EngineLease
from docmill.records.tables.base import now
from docmill.records.tables.batches import BatchItem

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
"""A lease is valid while the claim that took it is. It ends when the item has an outcome, is handed
back, or is claimed again, so that the loss of a worker blocks no other item."""

_GIVE_BACK = delete(_leases).where(
    _leases.c.project_id == bindparam("of_project"),
    _leases.c.cache_key.in_(bindparam("of_keys", expanding=True)),
)


class Leases:
    """Queries over leases."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def take(
        self, project_id: str, wanted: Mapping[str, tuple[ClaimedItem, ReadBytes]]
    ) -> frozenset[str]:
        """Take leases for items that are claimed in this transaction.

        Args:
            project_id: owner of the results.
            wanted: by cache key, the item that will create the result.

        Returns:
            The keys whose leases were taken. Other items hold the others.
        """
        claims = [_claim(project_id, key, item) for key, (item, _) in sorted(wanted.items())]
        new = await run(self._session, _take(dialect_of(self._session)), claims)
        taken = set(new.scalars())
        for claim in claims:
            key = claim["cache_key"]
            if key not in taken and await self._take_over(claim, wanted[key][1].lease_seconds):
                taken.add(key)
        return frozenset(taken)

    async def release(self, project_id: str, cache_keys: Collection[str]) -> None:
        """Release leases, because the results exist."""
        if cache_keys:
            given = {"of_project": project_id, "of_keys": sorted(cache_keys)}
            await run(self._session, _GIVE_BACK, given)

    async def _take_over(self, claim: dict[str, Any], at_most: float) -> bool:
        """Take the lease of an item whose claim has ended."""
        overdue = now() - timedelta(seconds=at_most)
        own = and_(_leases.c.batch_id == claim["batch_id"], _leases.c.position == claim["position"])
        take_over = (
            update(_leases)
            .where(
                _leases.c.project_id == claim["project_id"],
                _leases.c.cache_key == claim["cache_key"],
                or_(own, not_(_HOLDING), _leases.c.taken_at < overdue),
            )
            .values(claim)
            .returning(_leases.c.cache_key)
        )
        return await self._session.scalar(take_over) is not None

    async def forget(self, batch_id: str) -> None:
        """Delete the remaining leases of an ended batch. Completed items released theirs."""
        await self._session.execute(delete(_leases).where(_leases.c.batch_id == batch_id))


@cache
def _take(dialect: str) -> ReturningInsert[str]:
    insert = insert_for(dialect, EngineLease).on_conflict_do_nothing()
    return insert.returning(_leases.c.cache_key)


def _claim(project_id: str, cache_key: str, item: ClaimedItem) -> dict[str, Any]:
    return {
        "project_id": project_id,
        "cache_key": cache_key,
        "batch_id": item.batch_id,
        "position": item.position,
        "epoch": item.epoch,
        "attempt": item.attempt,
        "taken_at": now(),
    }
