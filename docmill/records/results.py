"""Stored results: outputs of engines for bytes and parameters."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert

from docmill.errors import NotFoundError
from docmill.ids import Prefix, derived_id
from docmill.records.items import ClaimedItem, NewResult
from docmill.records.statements import chunked, dialect_of, insert_for, run, table_of
from docmill.records.tables.base import now
from docmill.records.tables.batches import Batch, BatchItem, Result

MAX_HISTORY = 1_000
"""Maximum number of results of one item in its history."""
USE_NOTED_AFTER = timedelta(hours=1)
"""Minimum interval between recorded uses. Results expire after days."""


_results = table_of(Result)
_STORED = select(_results.c.cache_key, _results.c.id).where(
    _results.c.project_id == bindparam("of_project"),
    _results.c.cache_key.in_(bindparam("of_keys", expanding=True)),
    _results.c.purged_at.is_(None),
)


_USED = (
    select(
        Result.cache_key,
        Result.id,
        Result.media_type,
        Result.warnings,
        Result.partial,
        Result.pages_total,
        Result.pages_ok,
        Result.pages_failed,
        Result.engine,
        Result.engine_version,
    )
    .where(
        Result.project_id == bindparam("of_project"),
        Result.cache_key.in_(bindparam("of_keys", expanding=True)),
        Result.purged_at.is_(None),
    )
    .order_by(Result.id)
    .with_for_update()
)


class PurgedError(NotFoundError):
    """The result has expired."""


@lru_cache(maxsize=4_096)
def result_id_of(project_id: str, cache_key: str) -> str:
    """Return the id of the only result with this cache key in a project."""
    return derived_id(Prefix.RESULT, project_id, cache_key)


class SharedResult(NamedTuple):
    """Data of a stored result for the items that share it; warnings as stored."""

    media_type: str
    warnings: Sequence[Any]


class StoredResult(NamedTuple):
    """Data of a stored result for the rows of items that share it; warnings as stored."""

    cache_key: str
    id: str
    media_type: str
    warnings: Sequence[Any] | None
    partial: bool
    pages_total: int
    pages_ok: int
    pages_failed: int
    engine: str
    engine_version: str


@dataclass(frozen=True, slots=True)
class Processed:
    """A result of an item in some batch."""

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

    async def stored(self, project_id: str, cache_keys: Collection[str]) -> dict[str, str]:
        """Return the ids of existing results by cache key."""
        wanted = {"of_project": project_id, "of_keys": sorted(cache_keys)}
        return {row.cache_key: row.id for row in await run(self._session, _STORED, wanted)}

    async def partial(self, result_ids: Collection[str]) -> set[str]:
        """Return those results with failed pages."""
        query = select(Result.id).where(Result.id.in_(sorted(result_ids)), Result.partial)
        return set(await self._session.scalars(query))

    async def prefixes(self, project_id: str, cache_keys: Collection[str]) -> set[str]:
        """Return the prefixes of results, including purged ones."""
        query = select(Result.object_prefix).where(
            Result.project_id == project_id, Result.cache_key.in_(sorted(cache_keys))
        )
        return set(await self._session.scalars(query))

    async def keep(self, new: Mapping[str, tuple[ClaimedItem, NewResult]]) -> set[str]:
        """Store results, unless a result with the same cache key, and thus the same id, exists.

        A purged result is replaced.

        Args:
            new: by id, the result and the item that created it.

        Returns:
            The ids of the stored results.
        """
        rows = [
            {name: getattr(result, name) for name in result.__slots__}
            | {
                "id": result_id,
                "project_id": item.project_id,
                "job_type": item.job_type,
                "created_at": now(),
                "used_at": None,
                "purged_at": None,
            }
            for result_id, (item, result) in sorted(new.items())
        ]
        kept = await run(self._session, _keep(dialect_of(self._session)), rows)
        return set(kept.scalars())

    async def get(self, result_id: str) -> Result:
        """Return one result.

        Raises:
            PurgedError: it was purged.
            NotFoundError: it does not exist.
        """
        found = await self._session.get(Result, result_id)
        if found is None:
            raise NotFoundError(f"No result {result_id}.", "Run the file again.")
        if found.purged_at is not None:
            raise PurgedError(
                f"The result was purged on {found.purged_at:%Y-%m-%d}: it was kept long enough.",
                "Run the file again; DOCMILL_RESULT_TTL_DAYS sets how long results are kept.",
            )
        return found

    async def usage_of(self, result_id: str) -> Mapping[str, Any]:
        """Return the usage of a result as counted by its engine; empty if it was deleted."""
        row = await self._session.get(Result, result_id)
        return (row.usage if row else None) or {}

    async def use(self, result_ids: Collection[str]) -> dict[str, SharedResult]:
        """Lock stored results that items are about to share.

        Locked results are not purged before this transaction ends, nor soon afterwards.

        Returns:
            The existing results by id.
        """
        held: dict[str, SharedResult] = {}
        when = now()
        for some in chunked(sorted(result_ids)):
            there = (
                select(Result.id, Result.media_type, Result.warnings)
                .where(Result.id.in_(some), Result.purged_at.is_(None))
                .order_by(Result.id)
                .with_for_update()
            )
            found = {
                row.id: SharedResult(row.media_type, row.warnings or ())
                for row in await self._session.execute(there)
            }
            await self._note_use(found, when)
            held |= found
        return held

    async def use_keys(self, project_id: str, cache_keys: Collection[str]) -> list[StoredResult]:
        """Like `use`, by cache key."""
        held: list[StoredResult] = []
        when = now()
        for some in chunked(sorted(cache_keys)):
            wanted = {"of_project": project_id, "of_keys": some}
            found = [*map(StoredResult._make, await self._session.execute(_USED, wanted))]
            await self._note_use([one.id for one in found], when)
            held += found
        return held

    async def _note_use(self, result_ids: Collection[str], when: datetime) -> None:
        if not result_ids:
            return
        stale = func.coalesce(Result.used_at, Result.created_at) < when - USE_NOTED_AFTER
        noted = update(Result).where(Result.id.in_(result_ids), stale).values(used_at=when)
        await self._session.execute(noted)

    async def of_item(
        self, project_id: str, item_id: str, *, job_type: str | None = None
    ) -> Sequence[Processed]:
        """Return the results of one directory file in all batches, newest first."""
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


@cache
def _keep(dialect: str) -> ReturningInsert[str]:
    insert, columns = insert_for(dialect, Result), _results.c
    anew = {column.name: insert.excluded[column.name] for column in columns if column.name != "id"}
    return insert.on_conflict_do_update(
        index_elements=["id"], set_=anew, where=columns.purged_at.is_not(None)
    ).returning(columns.id)
