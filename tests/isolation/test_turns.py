"""The order in which projects get turns."""

import asyncio

from docmill.isolation.turns import Turns


async def take_all(turns: Turns, projects: str) -> list[str]:
    """Wait for a turn for each of ``projects``, and return in which order they were given."""
    given: list[str] = []

    async def take(project: str) -> None:
        await turns.take(project)
        given.append(project)

    waiting = [asyncio.create_task(take(project)) for project in projects]
    await asyncio.sleep(0)
    while len(given) < len(waiting):
        turns.give_back()
        await asyncio.sleep(0)
    return given


async def test_turn_goes_to_the_project_served_longest_ago() -> None:
    turns = Turns(lambda: 1)
    await turns.take("a")

    assert await take_all(turns, "aaaabbc") == list("bcabaaa")


async def test_project_served_earlier_than_others_is_served_first() -> None:
    turns = Turns(lambda: 3)
    for project in "cba":
        await turns.take(project)

    assert await take_all(turns, "abc") == list("cba")


async def test_raised_limit_is_used_at_the_next_release() -> None:
    places = 1
    turns = Turns(lambda: places)
    await turns.take("a")
    waiting = [asyncio.create_task(turns.take("b")) for _ in range(3)]
    await asyncio.sleep(0)

    places = 3
    turns.give_back()
    await asyncio.sleep(0)

    assert [task.done() for task in waiting] == [True, True, True]


async def test_lowered_limit_is_not_exceeded_after_a_release() -> None:
    places = 2
    turns = Turns(lambda: places)
    await turns.take("a")
    await turns.take("a")
    waiting = asyncio.create_task(turns.take("b"))
    await asyncio.sleep(0)

    places = 1
    turns.give_back()
    await asyncio.sleep(0)
    assert not waiting.done()

    turns.give_back()
    await waiting
