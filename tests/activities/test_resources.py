"""A file under suspicion is processed alone on its worker."""

import asyncio

from activities.resources import Gate


async def test_gate_admits_many_at_the_same_time() -> None:
    gate = Gate()
    async with gate.entered(), gate.entered():
        pass


async def test_exclusive_entry_waits_for_others_and_blocks_later_ones() -> None:
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


async def test_gate_reopens_when_an_exclusive_entry_is_cancelled() -> None:
    gate = Gate()
    async with gate.entered():
        suspect = asyncio.create_task(gate.entered(alone=True).__aenter__())
        await asyncio.sleep(0)
        suspect.cancel()
        await asyncio.wait([suspect])
        async with asyncio.timeout(5), gate.entered():
            pass
