"""The request rate of a project is limited across any number of processes."""

import asyncio
import multiprocessing
from dataclasses import replace
from typing import Any

import pytest

from docmill.contracts.access import Limits
from docmill.errors import LimitError
from docmill.records.database import Database
from docmill.records.rates import Rates
from docmill.records.scope import EVERY_PROJECT
from tests.records.making import PROJECT

SLOW = Limits(requests_per_second=0.001, burst=50)
"""A burst, and then nothing for as long as a test runs."""
PROCESSES = 3
ASKED = 100


async def _admitted(database: Database, limits: Limits, asked: int) -> int:
    rates = Rates(database)

    async def ask() -> int:
        try:
            await rates.take(PROJECT, limits)
        except LimitError:
            return 0
        return 1

    return sum(await asyncio.gather(*(ask() for _ in range(asked))))


def _ask(url: str, answers: Any) -> None:
    async def ask() -> int:
        database = Database(url, EVERY_PROJECT)
        try:
            return await _admitted(database, SLOW, ASKED)
        finally:
            await database.close()

    answers.put(asyncio.run(ask()))


@pytest.mark.integration
def test_processes_together_admit_exactly_the_burst(migrated_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    asking = [context.Process(target=_ask, args=(migrated_url, answers)) for _ in range(PROCESSES)]
    for process in asking:
        process.start()
    admitted = [answers.get(timeout=60) for _ in asking]
    for process in asking:
        process.join()
    assert sum(admitted) == SLOW.burst


async def test_rejected_request_states_when_to_retry(database: Database) -> None:
    assert await _admitted(database, replace(SLOW, burst=2), 2) == 2
    with pytest.raises(LimitError) as raised:
        await Rates(database).take(PROJECT, replace(SLOW, burst=2))
    assert raised.value.retry_after == pytest.approx(500, abs=50)  # 1000 s, and half one of slack


async def test_project_is_admitted_again_after_waiting(database: Database) -> None:
    quick = Limits(requests_per_second=50, burst=1)
    assert await _admitted(database, quick, 1) == 1
    while not await _admitted(database, quick, 1):
        await asyncio.sleep(0.005)


async def test_project_without_a_rate_is_admitted_without_the_database(database: Database) -> None:
    await database.close()
    await Rates(database).take(PROJECT, Limits())
