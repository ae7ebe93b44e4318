"""Processes are killed at random: no item is lost, duplicated, stuck or left behind."""

import asyncio
import itertools
import os
from contextlib import suppress
from pathlib import Path
from random import Random
from time import monotonic

import pytest

from tests.chaos.reaper.distributed import Distributed
from tests.chaos.reaper.families import adopting_orphans, command_of, descendants
from tests.chaos.reaper.files import Files
from tests.chaos.reaper.houses import Embedded, House
from tests.chaos.reaper.promises import Aftermath, left_behind, wrong_in_folder
from tests.chaos.reaper.schedule import Strike, schedule
from tests.chaos.seeds import replay, seeds
from tests.fixtures.mill import until
from tests.fixtures.postgres import postgres_folder

FILES = 300
BOUNDED = 1
EVERYTHING = 20
STUCK_SECONDS = 240
"""A run takes about twenty; what has not ended by now never will."""

pytestmark = pytest.mark.timeout(6 * 3600)


async def _strike(house: House, strikes: list[Strike], random: Random) -> None:
    for strike in strikes:

        async def reached(after: int = strike.after) -> bool:
            return house.files.started() >= after

        await until(reached, STUCK_SECONDS)
        await asyncio.sleep(strike.pause)
        for kind in strike.victims:
            house.strike(kind, random)


async def _run(house: House, seed: int) -> list[str]:
    """Run a batch in a house while its processes are killed; return what is wrong then."""
    random = Random(f"{house.name} {seed}")
    began = monotonic()
    strikes = schedule(seed, house.name, house.kinds, house.files.count)
    print(seed, house.name, [(one.after, one.victims) for one in strikes])
    watcher = reaper = None
    try:
        async with asyncio.timeout(STUCK_SECONDS):
            await house.start()
            watcher = asyncio.create_task(house.watch())
            reaper = asyncio.create_task(_strike(house, strikes, random))
            await house.ended()
    except TimeoutError:
        return [f"stuck after {house.files.started()} of {house.files.count} files"]
    finally:
        for task in (watcher, reaper):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await house.stop()
        await house.close()
    print(f"{house.name} {seed}: {monotonic() - began:.1f} s")
    return house.wrong


async def _embedded(seed: int, place: Path) -> list[str]:
    house = Embedded(place, Files.make(place, FILES))
    wrong = await _run(house, seed)
    if not wrong:
        wrong += wrong_in_folder(house.out, house.files)
        wrong += await _aftermath(house)
    return [f"{house.name}: {one}" for one in wrong]


async def _distributed(seed: int, place: Path) -> list[str]:
    with postgres_folder() as postgres:
        house = Distributed(place, Files.make(place, FILES), postgres)
        try:
            wrong = await _run(house, seed)
            wrong += [] if wrong else await _aftermath(house)
        finally:
            await house.stop_database()
    return [f"{house.name}: {one}" for one in wrong]


async def _aftermath(house: House) -> list[str]:
    after = Aftermath(house.settings, house.files)
    await after.read()
    return [*after.wrong(), *left_behind(house.place)]


@pytest.mark.parametrize("seed", seeds(BOUNDED, EVERYTHING))
async def test_random_kills_lose_duplicate_and_leave_nothing(seed: int, tmp_path: Path) -> None:
    one, two = (tmp_path / name for name in ("embedded", "distributed"))
    for place in (one, two):
        place.mkdir()
    with adopting_orphans() as before:
        found = await asyncio.gather(_embedded(seed, one), _distributed(seed, two))

        async def gone() -> bool:
            return not descendants(os.getpid(), before)

        with suppress(TimeoutError):
            await until(gone, 10)
        left = [f"process {pid}: {command_of(pid)}" for pid in descendants(os.getpid(), before)]
    wrong = [*itertools.chain(*found), *left]
    assert not wrong, "\n".join([*wrong[:50], replay("reaper", seed)])
