"""Saved steps of an item, which a retry does not repeat.

A remote engine saves ids and paid answers; a large document saves its finished slices.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.items import PagesRead
from docmill.contracts.words import UNFINISHED
from docmill.records.database import Database
from docmill.records.items import ClaimedItem
from docmill.records.ledger_statements import CHANGE_IF_HELD, held_by
from docmill.records.statements import CHUNK, insert_into
from docmill.records.tables.batches import Batch, BatchItem, ItemStep


class Steps:
    """Saved steps of one run of one item.

    A step is saved before the next one starts, so that a retry, on this worker or another,
    continues at the last step instead of paying again.
    """

    def __init__(self, database: Database, run_id: str) -> None:
        """Create steps for a run: job and epoch, the same for all attempts."""
        self._database = database
        self._run_id = run_id

    async def get(self, name: str) -> Any | None:
        """Return the value saved as ``name``, or None."""
        query = select(ItemStep.value).where(ItemStep.run_id == self._run_id, ItemStep.name == name)
        async with self._database.read() as session:
            found = await session.scalar(query)
        return None if found is None else found["is"]

    async def saved(self) -> dict[str, Any]:
        """Return all saved values by name."""
        query = select(ItemStep.name, ItemStep.value).where(ItemStep.run_id == self._run_id)
        async with self._database.read() as session:
            return {name: value["is"] for name, value in await session.execute(query)}

    async def put(self, name: str, value: Any) -> None:
        """Save a small JSON value. The first value saved as ``name`` wins."""
        async with self._database.write() as session:
            await self._insert(session, name, value)

    async def put_if_held(self, item: ClaimedItem, name: str, value: Any, pages: PagesRead) -> bool:
        """Save a step and the number of pages read, if the claim of ``item`` is still valid."""
        read = {"pages_ok": pages.pages_done, "pages_total": pages.pages_total}
        async with self._database.write() as session:
            held = await session.scalar(CHANGE_IF_HELD, held_by(item) | read)
            if held is not None:
                await self._insert(session, name, value)
        return held is not None

    async def forget(self) -> None:
        """Delete all steps of this run, because the item has an outcome."""
        async with self._database.write() as session:
            await session.execute(delete(ItemStep).where(ItemStep.run_id == self._run_id))

    async def _insert(self, session: AsyncSession, name: str, value: Any) -> None:
        row = {"run_id": self._run_id, "name": name, "value": {"is": value}}
        insert = insert_into(session, ItemStep).values(row)
        await session.execute(insert.on_conflict_do_nothing())


@dataclass(frozen=True, slots=True)
class Leftover:
    """A finished run with saved steps: its item has an outcome, or a later run.

    Attributes:
        run_id: job and epoch.
        engine: engine that saved them.
        job_type: the product.
    """

    run_id: str
    engine: str
    job_type: str


async def left_over(database: Database, engines: Collection[str]) -> list[Leftover]:
    """Return finished runs of ``engines`` whose steps are still saved."""
    found: list[Leftover] = []
    after = ""
    async with database.read() as session:
        while runs := list(await session.scalars(_runs(after))):
            query = _items_of({_job_of(run) for run in runs}, engines)
            items = {item.job_id: item for item in await session.execute(query)}
            for run in runs:
                item = items.get(_job_of(run))
                if item is not None and _over(run, item.job_id, item.epoch, item.status):
                    found.append(Leftover(run, item.engine, item.job_type))
            after = runs[-1]
    return found


def _runs(after: str) -> Select[str]:
    runs = select(ItemStep.run_id).where(ItemStep.run_id > after).distinct()
    return runs.order_by(ItemStep.run_id).limit(CHUNK)


def _items_of(jobs: Collection[str], engines: Collection[str]) -> Select[str, str, int, str, str]:
    return (
        select(BatchItem.job_id, BatchItem.status, BatchItem.epoch, Batch.engine, Batch.job_type)
        .join(Batch, Batch.id == BatchItem.batch_id)
        .where(BatchItem.job_id.in_(jobs), Batch.engine.in_(engines))
    )


def _job_of(run_id: str) -> str:
    return run_id.rpartition("-")[0]


def _over(run_id: str, job_id: str, epoch: int, status: str) -> bool:
    return status not in UNFINISHED or run_id != f"{job_id}-{epoch}"
