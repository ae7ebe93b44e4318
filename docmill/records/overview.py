"""Numbers about the work that is open in all projects, for metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.words import OPEN_BATCHES, BatchStatus, Outcome
from docmill.records.tables.batches import Batch, BatchCount
from docmill.records.tables.sources import Project
from docmill.records.tables.webhooks import PENDING_EVENT, WebhookEvent

MOST_EVENTS = 100_000
"""Webhook events are counted up to this number."""
MOST_BATCHES = 10_000
"""Batches whose progress is followed, the oldest first."""

_OUTCOMES = (
    select(sum((func.sum(getattr(BatchCount, one.value)) for one in Outcome), literal_column("0")))
    .where(BatchCount.batch_id == Batch.id)
    .correlate(Batch)
    .scalar_subquery()
)
_ACCOUNTED = func.coalesce(_OUTCOMES, 0)


@dataclass(frozen=True, slots=True)
class OpenWork:
    """Open work of all projects.

    Attributes:
        batches: number of open batches by status.
        items_waiting: their items without an outcome.
        progress: epoch and number of outcomes of each batch that should make progress, by id.
        webhooks_pending: undelivered events, up to `MOST_EVENTS`.
        projects: ids and names of the first projects by name.
    """

    batches: Mapping[str, int]
    items_waiting: int
    progress: Mapping[str, tuple[int, int]]
    webhooks_pending: int
    projects: Sequence[tuple[str, str]]


async def open_work(session: AsyncSession, *, projects: int) -> OpenWork:
    """Read the open work; the scope of the session is `EVERY_PROJECT`.

    Args:
        session: a read session.
        projects: maximum number of projects to name.
    """
    by_status = (
        select(Batch.status, func.count(), func.sum(Batch.total - _ACCOUNTED))
        .where(Batch.status.in_(OPEN_BATCHES))
        .group_by(Batch.status)
    )
    found = (await session.execute(by_status)).all()
    moving = (
        select(Batch.id, Batch.epoch, _ACCOUNTED)
        .where(
            Batch.status.in_((BatchStatus.PENDING.value, BatchStatus.RUNNING.value)),
            Batch.paused.is_(False),
        )
        .order_by(Batch.created_at, Batch.id)
        .limit(MOST_BATCHES)
    )
    pending = select(WebhookEvent.id).where(PENDING_EVENT).limit(MOST_EVENTS).subquery()
    named = (
        select(Project.id, Project.name)
        .where(Project.deleted_at.is_(None))
        .order_by(Project.name, Project.id)
        .limit(projects)
    )
    return OpenWork(
        batches=dict.fromkeys(OPEN_BATCHES, 0) | {row[0]: row[1] for row in found},
        items_waiting=sum(int(row[2]) for row in found),
        progress={row[0]: (row[1], int(row[2])) for row in (await session.execute(moving)).all()},
        webhooks_pending=await session.scalar(select(func.count()).select_from(pending)) or 0,
        projects=[(row[0], row[1]) for row in (await session.execute(named)).all()],
    )
