"""Metrics of a real worker process: what it settles, its engines, the open work."""

from pathlib import Path

import httpx
import pytest

from docmill.contracts.words import Outcome
from docmill.embedded.addresses import free_port
from docmill.metrics.catalogue import METRICS, Publishers
from tests.fixtures.mill import Mill, write_texts
from tests.fixtures.worker_process import worker_process
from tests.metrics.scrape import until_scraped

SDK_METRICS = {
    "temporal_worker_task_slots_available",
    "temporal_activity_execution_latency_seconds_count",
}


def _folder(parent: Path) -> Path:
    """Four good files, of which two have the same bytes, and a broken one."""
    folder = write_texts(parent / "in", 3)
    (folder / "twin.txt").write_bytes((folder / "note-0000.txt").read_bytes())
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4\n no such thing")
    return folder


async def test_worker_counts_every_outcome_once(small_mill: Mill, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    async with worker_process(small_mill, DOCMILL_WORKER_METRICS_ADDRESS=address):
        batch = await small_mill.run(_folder(tmp_path))
        assert sorted((await small_mill.outcomes(batch)).values()) == [
            *("completed",) * 3,
            "failed",
            "skipped",
        ]
        found = await until_scraped(
            address,
            lambda it: it.sum("docmill_items_waiting") == 0 and it.sum("docmill_batches") == 0,
        )

    of = {one.value: found.sum("docmill_outcomes_total", outcome=one) for one in Outcome}
    assert of == {"completed": 3, "failed": 1, "skipped": 1, "cancelled": 0}
    for outcome, items in of.items():
        assert found.sum("docmill_items_total", outcome=outcome) == items
    failed = [labels for name, labels, _ in found.samples if labels.get("outcome") == "failed"]
    assert {"outcome": "failed", "class": "corrupt", "project": "Default"}.items() <= (
        next(labels for labels in failed if "class" in labels).items()
    )
    assert found.sum("docmill_pages_total", state="ok") == 3
    assert found.sum("docmill_engine_seconds_count", job_type="parse") == 3
    assert 0 < found.sum("docmill_engine_seconds_sum") < 60
    assert found.sum("docmill_engine_slots") == 2
    assert found.sum("docmill_engine_slots_used") == 0
    assert found.values("docmill_sandbox_level") == [1]
    assert found.values("docmill_database_up") == found.values("docmill_temporal_up") == [1]
    assert found.sum("docmill_queue_pollers", task_queue="docmill", type="workflow") >= 1
    assert found.names >= SDK_METRICS
    named = {
        name for one in METRICS if one.publishers is not Publishers.API for name in one.exposed
    }
    remote = {name for name in named if "remote" in name}
    assert named - found.names == remote, "only a worker with a remote engine has those"
    assert {name for name in found.names if name.startswith("docmill")} <= named
    for secret in (batch.id, str(tmp_path), "note-0000"):
        assert secret not in found.text


async def test_worker_without_an_address_listens_nowhere(small_mill: Mill, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    async with worker_process(small_mill):
        await small_mill.run(write_texts(tmp_path / "in", 1))
        with pytest.raises(httpx.ConnectError):
            await scrape_once(address)


async def scrape_once(address: str) -> None:
    async with httpx.AsyncClient() as client:
        await client.get(f"http://{address}/metrics")


async def test_worker_names_the_address_that_it_cannot_use(small_mill: Mill) -> None:
    taken = small_mill.temporal.service_client.config.target_host
    async with worker_process(small_mill, DOCMILL_WORKER_METRICS_ADDRESS=taken) as process:
        assert await process.wait() == 1
