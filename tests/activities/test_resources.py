"""A suspect file is processed while nothing else is."""

import asyncio

from activities.resources import Gate


async def test_many_are_inside_at_the_same_time() -> None:
    gate = Gate()
    async with gate.entered(), gate.entered():
        pass


async def test_whoever_is_alone_waits_for_others_and_keeps_later_ones_out() -> None:
    gate = Gate()
    happened: list[str] = []

    async def work(name: str, *, alone: bool = False) -> None:
        async with gate.entered(alone=alone):
            happened.append(f"{name} in")
            await asyncio.sleep(0)
            happened.append(f"{name} out")

    async with gate.entered():
        tasks = [
            asyncio.create_task(work("suspect", alone=True)),
            asyncio.create_task(work("later")),
        ]
        await asyncio.sleep(0)
        assert happened == []
    await asyncio.gather(*tasks)
    assert happened == ["suspect in", "suspect out", "later in", "later out"]


async def test_whoever_gives_up_waiting_to_be_alone_lets_the_others_in() -> None:
    gate = Gate()
    async with gate.entered():
        suspect = asyncio.create_task(gate.entered(alone=True).__aenter__())
        await asyncio.sleep(0)
        suspect.cancel()
        await asyncio.wait([suspect])
        async with asyncio.timeout(5), gate.entered():
            pass
