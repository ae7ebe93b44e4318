"""A pause holds across runs of the workflow and restarts of workers and servers."""

from pathlib import Path

from sqlalchemy import update

from docmill.contracts.batches import JobSpec
from docmill.records.tables.batches import Batch, BatchItem
from tests.fixtures.mill import Mill, until, write_command


async def test_pause_holds_across_continue_as_new_and_a_restart(
    small_mill: Mill, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    for number in range(4):
        write_command(tmp_path / "in", f"{number}.txt", do="wait", file=str(gate))
    batch = await small_mill.start(
        tmp_path / "in", page_size=2, continue_as_new_threshold=2, concurrency=2
    )

    async def both_in_flight() -> bool:
        states = list((await small_mill.outcomes(batch)).values())
        return states.count("processing") == 2

    async with small_mill.faulty_worker():
        await until(both_in_flight)
        await small_mill.service.pause(batch)
        await small_mill.until_progress(batch, lambda now: now.state == "paused")
        gate.touch()  # the run is full, and ends with its two items
        await small_mill.until_progress(batch, lambda now: now.runs == 2)
    async with small_mill.faulty_worker():
        progress = await small_mill.client.progress(batch.id)
        assert (progress.state, progress.processed, progress.in_flight) == ("paused", 2, 0)
        assert (await small_mill.row(batch)).paused
        await small_mill.service.resume(batch)
        assert (await small_mill.client.result(batch.id)).tally.completed == 4


async def test_pause_during_a_sweep_is_recorded_and_holds(small_mill: Mill, tmp_path: Path) -> None:
    early, late = tmp_path / "early", tmp_path / "late"
    early.touch()
    for name, gate in (("0.txt", early), ("1.txt", early), ("2.txt", late)):
        write_command(tmp_path / "in", name, do="wait", file=str(gate))
    batch = await small_mill.start(
        tmp_path / "in", concurrency=1, job=JobSpec(parameters={"disable_cache": True})
    )
    async with small_mill.faulty_worker():
        await small_mill.until_progress(batch, lambda now: now.processed == 2)
        early.unlink()
        await _lose_outcomes(small_mill, batch, (1, 2))
        late.touch()  # the listing ends, and the close finds two files without an outcome

        async def swept() -> bool:
            return (await small_mill.outcomes(batch))["0.txt"] == "processing"

        await until(swept)
        await small_mill.service.pause(batch)
        await small_mill.until_progress(batch, lambda now: now.state == "paused")

        async def recorded() -> bool:
            return (await small_mill.row(batch)).paused

        await until(recorded)
        early.touch()
        await small_mill.until_progress(batch, lambda now: now.in_flight == 0)
        assert (await small_mill.outcomes(batch))["1.txt"] == "pending"
        await small_mill.service.resume(batch)
        result = await small_mill.client.result(batch.id)
    assert (result.status, result.tally.completed) == ("COMPLETED", 3)
    assert not (await small_mill.row(batch)).paused


async def _lose_outcomes(mill: Mill, batch: Batch, positions: tuple[int, ...]) -> None:
    """Make the ledger forget that these items were done."""
    lost = update(BatchItem).where(
        BatchItem.batch_id == batch.id, BatchItem.position.in_(positions)
    )
    async with mill.database.write() as session:
        await session.execute(lost.values(status="pending"))
