"""Stored results: what an engine made of these bytes with these parameters."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.errors import NotFoundError
from docmill.ids import Prefix, derived_id
from docmill.records.portable import chunked
from docmill.records.tables import Batch, BatchItem, Result, now

MAX_HISTORY = 1_000
"""Results of one item that are shown, newest first."""
USE_NOTED_AFTER = timedelta(hours=1)
"""A use that comes sooner after the last one is not noted: results are kept for days."""


class PurgedError(NotFoundError):
    """There was such a result, and it was kept for as long as results are."""


def result_id_of(project_id: str, cache_key: str) -> str:
    """Return the id of the one result with this cache key in this project."""
    return derived_id(Prefix.RESULT, project_id, cache_key)


@dataclass(frozen=True, slots=True)
class Processed:
    """One time that an item got a result, in some batch."""

    item_id: str
    name: str
    job_id: str
    job_type: str
    config: dict[str, Any]
    parameters: dict[str, Any]
    parameters_hash: str
    result_id: str
    object_prefix: str
    processed_at: datetime


class Results:
    """Queries over results."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, project_id: str, cache_key: str) -> Result | None:
        """Return the result with this cache key, or None; a purged one is none."""
        query = select(Result).where(
            Result.project_id == project_id,
            Result.cache_key == cache_key,
            Result.purged_at.is_(None),
        )
        return (await self._session.scalars(query)).one_or_none()

    async def get(self, result_id: str) -> Result:
        """Return one result.

        Raises:
            PurgedError: it was purged.
            NotFoundError: there is none.
        """
        found = await self._session.get(Result, result_id)
        if found is None:
            raise NotFoundError(f"No result {result_id}.", "Run the file again.")
        if found.purged_at is not None:
            raise PurgedError(
                f"The result was purged on {found.purged_at:%Y-%m-%d}: it was kept long enough.",
                "Run the file again; DOCMILL_RESULT_TTL_DAYS says how long results are kept.",
            )
        return found

    async def use(self, result_ids: Collection[str]) -> dict[str, list[Any]]:
        """Hold stored results that items are about to share.

        What is held here is not purged before this transaction ends, nor soon afterwards.

        Returns:
            Those that are still there, each with its warnings as stored.
        """
        held: dict[str, list[Any]] = {}
        when = now()
        for some in chunked(sorted(result_ids)):
            there = (
                select(Result.id, Result.warnings)
                .where(Result.id.in_(some), Result.purged_at.is_(None))
                .order_by(Result.id)
                .with_for_update()
            )
            found = {row.id: row.warnings or [] for row in await self._session.execute(there)}
            stale = func.coalesce(Result.used_at, Result.created_at) < when - USE_NOTED_AFTER
            noted = update(Result).where(Result.id.in_(found), stale).values(used_at=when)
            await self._session.execute(noted)
            held |= found
        return held

    async def of_item(
        self, project_id: str, item_id: str, *, job_type: str | None = None
    ) -> Sequence[Processed]:
        """Return what was made of one directory file in all batches, newest first."""
        query = (
            select(
                BatchItem.item_id,
                BatchItem.path,
                BatchItem.job_id,
                Batch.job_type,
                Batch.config,
                Batch.parameters,
                Batch.parameters_hash,
                BatchItem.result_id,
                Result.object_prefix,
                BatchItem.finished_at,
            )
            .join(Batch, Batch.id == BatchItem.batch_id)
            .join(Result, Result.id == BatchItem.result_id)
            .where(
                BatchItem.item_id == item_id,
                Batch.project_id == project_id,
                Result.purged_at.is_(None),
            )
            .order_by(BatchItem.finished_at.desc(), BatchItem.job_id)
            .limit(MAX_HISTORY)
        )
        if job_type is not None:
            query = query.where(Batch.job_type == job_type)
        return [Processed(*row) for row in await self._session.execute(query)]
