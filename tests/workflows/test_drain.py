"""A cancel with drain lets the files in flight finish."""

from pathlib import Path

from docmill.records.tables.batches import Batch
from tests.fixtures.mill import Mill, until, write_command

FILES = 6


def write_gated(folder: Path, gate: Path) -> Path:
    """Files whose engine waits until ``gate`` is there."""
    for number in range(FILES):
        write_command(folder, f"{number}.txt", do="wait", file=str(gate))
    return folder


async def _in_flight(mill: Mill, folder: Path, gate: Path) -> Batch:
    batch = await mill.start(write_gated(folder, gate), concurrency=2)

    async def both() -> bool:
        states = (await mill.outcomes(batch)).values()
        return list(states).count("processing") == 2

    await until(both)
    return batch


async def test_drained_cancel_finishes_files_in_flight_and_starts_no_others(
    small_mill: Mill, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with small_mill.faulty_worker():
        batch = await _in_flight(small_mill, tmp_path / "in", gate)
        asked = await small_mill.service.cancel(batch, "enough", drain=True)
        assert asked.drain
        await small_mill.until_progress(batch, lambda now: now.state == "cancelling")
        await small_mill.service.reconciler.reconcile(
            asked
        )  # sends the cancel once more, as it was asked for
        gate.touch()
        result = await small_mill.client.result(batch.id)
    assert (result.status, result.reason) == ("CANCELLED", "enough")
    assert (result.tally.completed, result.tally.cancelled) == (2, FILES - 2)


async def test_second_cancel_without_drain_stops_files_in_flight(
    small_mill: Mill, tmp_path: Path
) -> None:
    async with small_mill.faulty_worker():
        batch = await _in_flight(small_mill, tmp_path / "in", tmp_path / "never")
        await small_mill.service.cancel(batch, "slowly", drain=True)
        await small_mill.service.cancel(batch, "now")
        result = await small_mill.client.result(batch.id)
    assert (result.status, result.tally.cancelled) == ("CANCELLED", FILES)
    assert not (await small_mill.row(batch)).drain


async def test_cancel_without_drain_stays_without_drain(small_mill: Mill, tmp_path: Path) -> None:
    batch = await small_mill.start(write_gated(tmp_path / "in", tmp_path / "never"))
    await small_mill.service.cancel(batch, "now")
    again = await small_mill.service.cancel(await small_mill.row(batch), "slowly", drain=True)
    assert not again.drain
    async with small_mill.faulty_worker():
        result = await small_mill.client.result(batch.id)
    assert (result.status, result.tally.cancelled) == ("CANCELLED", FILES)
