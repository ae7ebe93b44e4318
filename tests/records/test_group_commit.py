"""Simultaneous requests share a transaction; an error of one does not fail the others."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from docmill.contracts.items import ItemTask
from docmill.contracts.words import Outcome
from docmill.errors import UnavailableError
from docmill.records import item_transactions
from docmill.records.database import Database
from docmill.records.item_transactions import MAX_REQUESTS, GroupCommit, ItemTransactions
from docmill.records.ledger import ClaimedItem, StaleItem
from tests.records.making import batch_over, completed, page, scanned


class Transactions:
    """Notes what each transaction did; one that holds a ``bad`` request fails."""

    def __init__(self, delay: float = 0.0) -> None:
        self.done: list[list[str]] = []
        self.away = False
        self.commit = GroupCommit(self._transaction, self._work, lambda request: request[0], delay)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Any]:
        await asyncio.sleep(0)
        if self.away:
            raise UnavailableError("The database is away.")
        yield None

    async def _work(self, _session: Any, requests: Sequence[str]) -> Sequence[str]:
        if any("bad" in request for request in requests):
            raise ValueError("bad")
        self.done.append(list(requests))
        return [request.upper() for request in requests]


async def test_simultaneous_requests_share_a_transaction() -> None:
    transactions = Transactions()
    answers = await asyncio.gather(*(transactions.commit.do(f"a{n}") for n in range(5)))
    assert answers == [f"A{n}" for n in range(5)]
    assert transactions.done == [[f"a{n}" for n in range(5)]]


async def test_transaction_waits_for_more_while_requests_follow_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(item_transactions, "OFTEN_SECONDS", 60.0)
    transactions = Transactions(delay=0.5)

    await transactions.commit.do("a1")
    second = asyncio.create_task(transactions.commit.do("a2"))
    for _ in range(10):  # enough for a transaction that does not wait
        await asyncio.sleep(0)
    await transactions.commit.do("a3")
    await second

    assert transactions.done == [["a1"], ["a2", "a3"]]


async def test_batches_are_not_mixed_and_a_transaction_is_bounded() -> None:
    transactions = Transactions()
    requests = [f"{'ab'[n % 2]}{n}" for n in range(2 * MAX_REQUESTS + 4)]
    await asyncio.gather(*map(transactions.commit.do, requests))
    assert sorted(request for some in transactions.done for request in some) == sorted(requests)
    for some in transactions.done:
        assert len({request[0] for request in some}) == 1
        assert len(some) <= MAX_REQUESTS


async def test_wrong_request_fails_without_the_others_of_its_transaction() -> None:
    transactions = Transactions()
    answers = await asyncio.gather(
        *(transactions.commit.do(name) for name in ("a1", "a-bad", "a2")), return_exceptions=True
    )
    assert (answers[0], answers[2]) == ("A1", "A2")
    assert isinstance(answers[1], ValueError)


async def test_every_waiting_caller_gets_the_error_when_the_database_is_away() -> None:
    transactions = Transactions()
    transactions.away = True
    answers = await asyncio.gather(
        *(transactions.commit.do(name) for name in ("a1", "b2")), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [UnavailableError] * 2
    transactions.away = False
    assert await transactions.commit.do("a3") == "A3"


async def test_cancelled_caller_does_not_disturb_the_others() -> None:
    transactions = Transactions()
    first = asyncio.create_task(transactions.commit.do("a1"))
    second = asyncio.create_task(transactions.commit.do("a2"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "A2"


async def test_items_claimed_and_settled_together_keep_separate_outcomes(
    database: Database,
) -> None:
    batch = await batch_over(database, await scanned(database, 4))
    await page(database, batch)
    items = ItemTransactions(database, "worker")
    tasks = [ItemTask(batch_id=batch.id, epoch=1, position=n) for n in range(1, 5)]
    peeked = await asyncio.gather(*map(items.peek, tasks))
    assert [one and one.item.position for one in peeked] == [1, 2, 3, 4]

    stale = ItemTask(batch_id=batch.id, epoch=9, position=1)
    claims = await asyncio.gather(
        *(items.claim(task, None) for task in (*tasks[1:], stale)), return_exceptions=True
    )
    assert isinstance(claims[-1], StaleItem)
    held = [claim for claim in claims if isinstance(claim, ClaimedItem)]
    assert [item.position for item in held] == [2, 3, 4]

    settled = await asyncio.gather(
        *(items.settle(item, completed(f"s{item.position}")) for item in held)
    )
    assert all(item.position in one.positions for item, one in zip(held, settled, strict=True))
    assert await items.claim(tasks[1], None) is Outcome.COMPLETED
