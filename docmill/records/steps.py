"""What a remote engine has done of an item so far: ids and answers that are paid for."""

from typing import Any

from sqlalchemy import delete, select

from docmill.records.database import Database
from docmill.records.portable import insert_into
from docmill.records.tables import ItemStep


class Steps:
    """The saved steps of one run of one item.

    A step is saved before the next one begins, so that a retry, on this worker or another, goes
    on where the last attempt stopped instead of paying again.
    """

    def __init__(self, database: Database, run_id: str) -> None:
        """Take the database, and the run: job and epoch, the same over all attempts."""
        self._database = database
        self._run_id = run_id

    async def get(self, name: str) -> Any | None:
        """Return what was saved as ``name``, or None."""
        query = select(ItemStep.value).where(ItemStep.run_id == self._run_id, ItemStep.name == name)
        async with self._database.read() as session:
            found = await session.scalar(query)
        return None if found is None else found["is"]

    async def put(self, name: str, value: Any) -> None:
        """Save a small JSON value; the first one that was saved as ``name`` stays."""
        row = {"run_id": self._run_id, "name": name, "value": {"is": value}}
        async with self._database.write() as session:
            insert = insert_into(session, ItemStep).values(row)
            await session.execute(insert.on_conflict_do_nothing())

    async def forget(self) -> None:
        """Drop all steps of this run: the item has its outcome."""
        async with self._database.write() as session:
            await session.execute(delete(ItemStep).where(ItemStep.run_id == self._run_id))
