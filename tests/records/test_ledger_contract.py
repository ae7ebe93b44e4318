"""The ledger in the database and the ledger in memory satisfy the same contract."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.ledger import Ledger
from docmill.records.tables.batches import Batch
from docmill.testing.ledger_contract import ITEMS, LedgerContract
from docmill.testing.memory_ledger import ItemLedger, MemoryBatch, MemoryLedger
from tests.records.making import batch_over, page, scanned


@dataclass
class StoredRecords:
    """A batch in a database."""

    database: Database
    batch: Batch

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[ItemLedger]:
        async with self.database.write() as session:
            yield Ledger(session)

    async def control(self, **fields: Any) -> None:
        async with self.database.write() as session:
            await Batches(session).set_state(self.batch.id, **fields)


class MemoryRecords:
    """A batch in memory."""

    def __init__(self) -> None:
        self.batch = MemoryBatch("bat-1", total=ITEMS)
        self.ledger = MemoryLedger(self.batch)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[ItemLedger]:
        yield self.ledger

    async def control(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self.batch, name, value)


class TestStored(LedgerContract):
    @pytest.fixture
    async def records(self, database: Database) -> StoredRecords:
        batch = await batch_over(database, await scanned(database, ITEMS))
        await page(database, batch)
        return StoredRecords(database, batch)


class TestMemory(LedgerContract):
    @pytest.fixture
    def records(self) -> MemoryRecords:
        return MemoryRecords()
