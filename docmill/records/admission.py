"""Admission of a project's batches: the limit of running ones, and the queue."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.words import BatchStatus
from docmill.records.batches import SINGLE_JOB, Batches
from docmill.records.tables.base import now
from docmill.records.tables.batches import Batch
from docmill.records.tables.sources import Project


class Admission:
    """The queue of a project: first in, first out. Single jobs neither wait nor count."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def admit(self, batch: Batch, limit: int) -> bool:
        """Set a batch to RUNNING if there is room, otherwise to THROTTLED.

        Args:
            batch: a batch that has not ended.
            limit: maximum of running batches of the project; 0 for no limit.

        Returns:
            Whether it may run. Concurrent calls never admit more than the limit.
        """
        batches = Batches(self._session)
        waiting = (BatchStatus.PENDING, BatchStatus.THROTTLED)
        # Serialized: two transactions that count the running batches together would both take the
        # last place. The weaker lock lets others insert rows that reference the project.
        await self._session.execute(
            select(Project.id).where(Project.id == batch.project_id).with_for_update(key_share=True)
        )
        if await self.place(batch, limit) <= 0:
            await batches.move(batch.id, BatchStatus.RUNNING, from_=waiting, started_at=now())
        else:
            await batches.move(batch.id, BatchStatus.THROTTLED, from_=waiting)
        return (await batches.get(None, batch.id)).status != BatchStatus.THROTTLED

    async def place(self, batch: Batch, limit: int) -> int:
        """Return how many batches must end before this one may run; 0 or less if it may."""
        if limit == 0 or batch.api == SINGLE_JOB:
            return 0
        running = await self._count(_of(batch, BatchStatus.RUNNING))
        ahead = await self._count(and_(_of(batch, BatchStatus.THROTTLED), _before(batch)))
        return running + ahead + 1 - limit

    async def holders(self, batch: Batch) -> Sequence[Batch]:
        """Return the batches that this one waits for: running, or ahead of it in the queue."""
        query = select(Batch).where(
            or_(
                _of(batch, BatchStatus.RUNNING),
                and_(_of(batch, BatchStatus.THROTTLED), _before(batch)),
            )
        )
        return (await self._session.scalars(query.order_by(Batch.queued_at, Batch.id))).all()

    async def _count(self, condition: ColumnElement[bool]) -> int:
        query = select(func.count()).select_from(Batch).where(condition)
        return (await self._session.scalar(query)) or 0


def _of(batch: Batch, status: BatchStatus) -> ColumnElement[bool]:
    return and_(
        Batch.project_id == batch.project_id,
        Batch.status == status.value,
        Batch.api != SINGLE_JOB,
        Batch.id != batch.id,
    )


def _before(batch: Batch) -> ColumnElement[bool]:
    """Order by time of arrival, then by id."""
    return or_(
        Batch.queued_at < batch.queued_at,
        and_(Batch.queued_at == batch.queued_at, Batch.id < batch.id),
    )
