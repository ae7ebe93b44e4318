"""Turns of the periodic sweep that reconciles open batches with Temporal."""

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.records.statements import insert_into
from docmill.records.tables.batches import Sweep


@dataclass(frozen=True, slots=True)
class LastSweep:
    """The latest sweep of one namespace.

    Attributes:
        turn: number of sweeps so far; 0 if there was none.
        cursor: where the next sweep continues; None starts from the beginning.
    """

    namespace: str
    turn: int = 0
    cursor: str | None = None


class Sweeps:
    """Queries over sweeps."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def last(self, namespace: str) -> LastSweep:
        """Return the latest sweep of a namespace."""
        query = select(Sweep.turn, Sweep.cursor).where(Sweep.namespace == namespace)
        row = (await self._session.execute(query)).one_or_none()
        return LastSweep(namespace) if row is None else LastSweep(namespace, row.turn, row.cursor)

    async def take(self, last: LastSweep) -> bool:
        """Start the sweep after ``last``; False if another worker started it."""
        first = insert_into(self._session, Sweep).values(namespace=last.namespace, turn=1)
        later = update(Sweep).where(Sweep.namespace == last.namespace, Sweep.turn == last.turn)
        taken = await self._session.scalar(
            later.values(turn=last.turn + 1).returning(Sweep.turn)
            if last.turn
            else first.on_conflict_do_nothing().returning(Sweep.turn)
        )
        return taken is not None

    async def set_cursor(self, namespace: str, cursor: str | None) -> None:
        """Set the cursor of the next sweep."""
        query = update(Sweep).where(Sweep.namespace == namespace)
        await self._session.execute(query.values(cursor=cursor))
