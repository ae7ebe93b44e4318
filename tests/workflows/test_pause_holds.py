"""A pause holds: across runs of the workflow, restarts of workers, and of everything."""

from pathlib import Path

from tests.fixtures.mill import Mill, until, write_command


async def test_a_pause_holds_across_continue_as_new_and_a_restart(
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
