"""The workflow on the time-skipping server, where long waits take no time."""

from pathlib import Path

from tests.fixtures.mill import Mill, until, write_texts


async def test_batch_runs_on_a_server_without_search_attributes(
    skipping_mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 9)
    async with skipping_mill.worker():
        batch = await skipping_mill.run(folder, page_size=2, continue_as_new_threshold=3)
    assert batch.status == "COMPLETED"
    assert set((await skipping_mill.outcomes(batch)).values()) == {"completed"}


async def test_batch_waits_for_the_object_store_and_continues_when_it_returns(
    skipping_mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 3)
    results = skipping_mill.settings.home / "objects" / "results"
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text("where the store wants a folder, there is a file")
    async with skipping_mill.worker():
        batch = await skipping_mill.start(folder)

        async def tried_twice() -> bool:
            return all(item.attempts >= 2 for item in await skipping_mill.items(batch))

        await until(tried_twice)
        assert set((await skipping_mill.outcomes(batch)).values()) <= {"pending", "processing"}
        results.unlink()
        result = await skipping_mill.client.result(batch.id)
    assert result.tally.completed == 3
