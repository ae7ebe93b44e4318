"""Usage of a project's limits."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.words import OPEN_BATCHES
from docmill.records.tables.batches import Batch, Result
from docmill.records.tables.sources import File, Project


class Usage:
    """Queries over the usage of a project."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def open_batches(self, project_id: str) -> int:
        """Return the number of open batches; none is created until this transaction commits."""
        # Two transactions that count at the same time would both take the last place.
        lock = select(Project.id).where(Project.id == project_id)
        await self._session.execute(lock.with_for_update(key_share=True))
        query = select(func.count()).select_from(Batch)
        mine = (Batch.project_id == project_id, Batch.status.in_(OPEN_BATCHES))
        return (await self._session.scalar(query.where(*mine))) or 0

    async def stored_bytes(self, project_id: str) -> int:
        """Return the bytes of all stored uploads and results; equal uploads count once."""
        uploads = (
            select(func.max(File.size).label("size"))
            .where(File.project_id == project_id, File.object_key != "")
            .group_by(File.sha256)
            .subquery()
        )
        results = select(func.sum(Result.size)).where(
            Result.project_id == project_id, Result.purged_at.is_(None)
        )
        sizes = [select(func.sum(uploads.c.size)), results]
        return sum([int(await self._session.scalar(query) or 0) for query in sizes])
