"""Exports of batches by workers."""

from pathlib import Path

from docmill.contracts.batches import BatchSpec, RedriveRequest
from docmill.contracts.exports import ExportInput
from docmill.contracts.words import BatchStatus
from docmill.outputs.names import RUN_INDEX
from docmill.outputs.verify import verify
from docmill.records.tables.batches import Batch
from tests.fixtures.mill import Mill, until, write_texts


async def _exported(mill: Mill, batch: Batch) -> Batch:
    async def look() -> bool:
        return (await mill.row(batch)).exported_at is not None

    await until(look)
    return await mill.row(batch)


async def test_each_execution_of_a_batch_is_exported(small_mill: Mill, tmp_path: Path) -> None:
    mill, out = small_mill, tmp_path / "out"
    folder = write_texts(tmp_path / "in", 2)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4\n no such thing")
    batch, _ = await mill.service.create(BatchSpec(folder=str(folder)), api="v2", out=str(out))
    async with mill.worker():
        await mill.service.start(batch)
        first = await _exported(mill, batch)
        (out / "note-0000.txt.md").unlink()
        redriven = await mill.service.redrive(first, RedriveRequest())
        assert redriven.exported_at is None
        await mill.service.start(redriven)
        second = await _exported(mill, batch)
        handle = mill.temporal.get_workflow_handle(f"{batch.id}-export-1")
        late = await mill.temporal.execute_workflow(
            "Export",
            ExportInput(batch_id=batch.id, epoch=1),
            id=f"{batch.id}-late",
            task_queue="docmill-deliveries",
            result_type=dict,
        )

    assert (first.epoch, second.epoch) == (1, 2)
    assert (first.status, second.status) == (BatchStatus.COMPLETED,) * 2
    assert (await handle.result())["rows"] == 3
    assert late == {"rows": None}
    assert verify(out) == []
    (line,) = (out / RUN_INDEX).read_text().splitlines()
    assert '"epoch":2' in line
