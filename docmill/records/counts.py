"""Live counts of a batch in sixteen shards, always exact."""

from collections.abc import Collection, Sequence
from functools import cache

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.words import Outcome, Tally
from docmill.records.statements import Insert, chunked, dialect_of, insert_for, run, table_of
from docmill.records.tables.batches import BatchCount

SHARDS = 16
"""Rows over which a batch's counts are spread, to reduce lock contention."""


async def add_counts(session: AsyncSession, batch_id: str, position: int, counted: Tally) -> None:
    """Add outcomes to the shard of ``position``.

    Call it last in a transaction. Other transactions wait for this row, and taking it after all
    other locks prevents deadlocks.
    """
    values = counted.model_dump() | {"batch_id": batch_id, "shard": position % SHARDS}
    await run(session, _raise_counts(dialect_of(session)), values)


@cache
def _raise_counts(dialect: str) -> Insert:
    insert = insert_for(dialect, BatchCount)
    counts = table_of(BatchCount).c
    names = [outcome.value for outcome in Outcome]
    return insert.on_conflict_do_update(
        index_elements=["batch_id", "shard"],
        set_={name: counts[name] + insert.excluded[name] for name in names},
    )


async def counts_of(session: AsyncSession, batch_ids: Collection[str]) -> dict[str, Tally]:
    """Return the counts of each batch; zeros if it has none."""
    names = [outcome.value for outcome in Outcome]
    found = {batch_id: Tally() for batch_id in batch_ids}
    wanted: Sequence[str] = list(found)
    for some in chunked(wanted):
        sums = [func.sum(getattr(BatchCount, name)) for name in names]
        query = select(BatchCount.batch_id, *sums).where(BatchCount.batch_id.in_(some))
        for batch_id, *counts in await session.execute(query.group_by(BatchCount.batch_id)):
            found[batch_id] = Tally(**{n: int(c) for n, c in zip(names, counts, strict=True)})
    return found
