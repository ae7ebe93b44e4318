"""Whose turn it is to sweep: one of many workers, and where the last one stopped."""

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.records.statements import insert_into
from docmill.records.tables.batches import Sweep


@dataclass(frozen=True, slots=True)
class LastSweep:
    """The latest sweep of one namespace.

    Attributes:
        turn: how many there were; 0 when there was none.
        cursor: where the next one goes on; None begins anew.
    """

    namespace: str
    turn: int = 0
    cursor: str | None = None


class Sweeps:
    """Queries over the turns of sweeps."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def last(self, namespace: str) -> LastSweep:
        """Return the latest sweep of a namespace."""
        query = select(Sweep.turn, Sweep.cursor).where(Sweep.namespace == namespace)
        row = (await self._session.execute(query)).one_or_none()
        return LastSweep(namespace) if row is None else LastSweep(namespace, row.turn, row.cursor)

    async def take(self, last: LastSweep) -> bool:
        """Begin the sweep after ``last``; False when another worker has begun it."""
        first = insert_into(self._session, Sweep).values(namespace=last.namespace, turn=1)
        later = update(Sweep).where(Sweep.namespace == last.namespace, Sweep.turn == last.turn)
        taken = await self._session.scalar(
            later.values(turn=last.turn + 1).returning(Sweep.turn)
            if last.turn
            else first.on_conflict_do_nothing().returning(Sweep.turn)
        )
        return taken is not None

    async def go_on_at(self, namespace: str, cursor: str | None) -> None:
        """Say where the next sweep goes on."""
        query = update(Sweep).where(Sweep.namespace == namespace)
        await self._session.execute(query.values(cursor=cursor))
