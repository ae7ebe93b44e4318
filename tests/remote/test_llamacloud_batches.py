"""Whole batches by LlamaCloud's API: outages, lost workers, cancels, and the secret key."""

import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from docmill.contracts.batches import JobSpec
from docmill.contracts.words import JobType
from docmill.records.steps import left_over
from docmill.records.tables.batches import Batch, ItemStep
from tests.engines import documents
from tests.fixtures.api import ROOT
from tests.fixtures.cloud import CANARY, Fate, Proxy, Refuse
from tests.fixtures.corpus import find_corpus
from tests.fixtures.mill import Mill, until, write_texts
from tests.fixtures.worker_process import worker_process
from tests.remote.test_llamacloud import FILES, PARSE, PRODUCTS, by_basic

EXAMPLES = ROOT / "examples/documents"
BY_CLOUD = JobSpec(type=JobType.PARSE, parameters={"engine": "llamacloud"})


@pytest.fixture
def mill(small_mill: Mill, proxy: Proxy) -> Mill:
    """A Docmill whose LlamaCloud is another Docmill."""
    cloud = {
        "llamacloud_base_url": proxy.url,
        "llamacloud_api_key": SecretStr(CANARY),
        "remote_slots": 8,
    }
    changed = small_mill.settings.model_copy(update=cloud)
    return Mill(small_mill.temporal, small_mill.database, changed)


def cloud_environment(proxy: Proxy) -> dict[str, str]:
    """The same for a worker in a process of its own."""
    return {"DOCMILL_LLAMACLOUD_BASE_URL": proxy.url, "DOCMILL_LLAMACLOUD_API_KEY": CANARY}


async def remote_jobs(proxy: Proxy, batch: Batch, mill: Mill) -> list[str]:
    """The states of the other side's jobs for the items of ``batch``."""
    async with httpx.AsyncClient(base_url=proxy.target) as client:
        found = (await client.get(PARSE, params={"page_size": 1000})).json()["items"]
    runs = {f"{item.job_id}-{batch.epoch}" for item in await mill.items(batch)}
    marks = [(job["user_metadata"] or {}).get("docmill_run") for job in found]
    return [job["status"] for job, mark in zip(found, marks, strict=True) if mark in runs]


async def saved_steps(mill: Mill, batch: Batch) -> int:
    """How many steps are still kept for items of ``batch``: none, once they have outcomes."""
    runs = [f"{item.job_id}-{batch.epoch}" for item in await mill.items(batch)]
    count = select(func.count()).select_from(ItemStep).where(ItemStep.run_id.in_(runs))
    async with mill.database.read() as session:
        return await session.scalar(count) or 0


def mixed(folder: Path) -> Path:
    """Good documents of several kinds, and bad ones; all of them in the whole suite."""
    whole = os.environ.get("DOCMILL_TEST_ALL")
    slow = [] if whole else ["*.png", "field", "mail", "*.html", "*.pptx"]
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns(*slow))
    corpus = find_corpus() if whole else None
    if corpus is not None:
        shutil.copytree(corpus / "documents", folder / "corpus")
    (folder / "lost-pages.pdf").write_bytes(documents.pdf_with_lost_pages(good=20, lost=1))
    (folder / "empty.pdf").write_bytes(b"")
    (folder / "noise.bin").write_bytes(bytes(range(256)) * 4)
    return folder


async def test_llamacloud_outcomes_equal_local_ones_and_its_key_is_stored_nowhere(
    mill: Mill, proxy: Proxy, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = mixed(tmp_path / "in")
    asked = {"tier": "fast"}  # recognising text would only take time
    local = JobSpec(type=JobType.PARSE, parameters=asked)
    cloud = JobSpec(type=JobType.PARSE, parameters=asked | {"engine": "llamacloud"})
    async with mill.worker():
        here = await mill.run(folder, job=local)
        there = await mill.run(folder, job=cloud)
        again = await mill.run(folder, job=cloud)
    assert await mill.outcomes(there) == await mill.outcomes(here)
    assert set((await mill.outcomes(again)).values()) == {"skipped", "failed"}
    for one, other in zip(await mill.items(here), await mill.items(there), strict=True):
        pages = (other.path, other.pages_ok, other.pages_failed)
        assert (one.path, one.pages_ok, one.pages_failed) == pages
    assert ("POST", FILES) in proxy.asked
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name.startswith("manifest") for path in written)
    seen = [str(path) for path in written if CANARY.encode() in path.read_bytes()]
    handle = mill.temporal.get_workflow_handle(there.id)
    history = b"".join([event.SerializeToString() async for event in handle.fetch_history_events()])
    out, err = capfd.readouterr()
    assert seen == []
    assert CANARY not in out + err + history.decode(errors="replace")


async def test_llamacloud_runs_batches_of_every_product(
    mill: Mill, proxy: Proxy, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 2)
    proxy.rewrite = by_basic
    async with mill.worker():
        for product, parameters in PRODUCTS.items():
            asked = {**parameters, "engine": "llamacloud"}
            job = JobSpec(type=JobType(product), parameters=asked)
            batch = await mill.run(folder, job=job)
            assert set((await mill.outcomes(batch)).values()) == {"completed"}
            assert {item.engine for item in await mill.items(batch)} == {"llamacloud"}


async def test_rejections_and_outages_fail_no_item_and_repeat_no_paid_job(
    mill: Mill, proxy: Proxy, tmp_path: Path
) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    busy = {("POST", "/api/v1/beta"): 429, ("POST", "/api/v2"): 503, ("GET", PARSE): 429}

    def decide(method: str, path: str) -> Fate | Refuse:
        kind = (method, path.rpartition("/")[0])
        seen[kind] += 1
        refused = kind in busy and seen[kind] == 2
        return Refuse(busy[kind], {"Retry-After": "1"}) if refused else Fate.PASS

    folder = write_texts(tmp_path / "in", 4)
    async with mill.worker():
        batch = await mill.run(folder, job=BY_CLOUD)
    assert set((await mill.outcomes(batch)).values()) == {"completed"}
    assert len(await remote_jobs(proxy, batch, mill)) == 4
    assert proxy.most_in_flight <= mill.settings.remote_concurrency


async def test_worker_killed_while_polling_leaves_one_remote_job_and_the_batch_completes(
    mill: Mill, proxy: Proxy, tmp_path: Path
) -> None:
    proxy.decide = lambda method, path: (
        Fate.HOLD if method == "GET" and path.startswith(f"{PARSE}/") else Fate.PASS
    )
    batch = await mill.start(write_texts(tmp_path / "in", 2), job=BY_CLOUD)

    async def polled() -> bool:
        return len({path for method, path in proxy.asked if path.startswith(f"{PARSE}/")}) == 2

    async with worker_process(mill, **cloud_environment(proxy)) as process:
        await until(polled)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    proxy.decide = lambda _method, _path: Fate.PASS
    async with mill.worker():
        result = await mill.client.result(batch.id)
    assert result.tally.completed == 2
    assert await remote_jobs(proxy, batch, mill) == ["COMPLETED", "COMPLETED"]
    assert (proxy.count("POST", FILES), proxy.count("POST", PARSE)) == (2, 2)
    assert await saved_steps(mill, batch) == 0


async def test_undelivered_cancel_is_sent_when_the_host_is_reachable_again(
    mill: Mill, proxy: Proxy, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "hanging.pdf").write_bytes(documents.hanging_pdf())
    looks, cancels = f"{PARSE}/.+", f"{PARSE}/.+/cancel"

    def away_after_a_look(method: str, path: str) -> Fate | Refuse:
        return Refuse(503) if proxy.count("GET", looks) > 1 else Fate.PASS

    async def away() -> bool:
        return proxy.count("GET", looks) > 2

    async def forgotten() -> bool:
        return await left_over(mill.database, ["llamacloud"]) == []

    proxy.decide = away_after_a_look
    async with mill.worker():
        batch = await mill.start(tmp_path / "in", job=BY_CLOUD)
        await until(away)
        await mill.client.cancel(batch.id, "changed my mind")
        await mill.client.result(batch.id)
        assert await mill.outcomes(batch) == {"hanging.pdf": "cancelled"}
        assert not await forgotten()
        lost = proxy.count("POST", cancels)
        proxy.decide = lambda _method, _path: Fate.PASS
        await until(forgotten)
    assert proxy.count("POST", cancels) > lost
    assert proxy.count("DELETE", f"{FILES}/.+") > 0


async def test_cancelling_the_batch_cancels_the_remote_job(
    mill: Mill, proxy: Proxy, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "hanging.pdf").write_bytes(documents.hanging_pdf())

    async def polled() -> bool:
        return proxy.count("GET", f"{PARSE}/.+") > 0

    async def cancelled() -> bool:
        return await remote_jobs(proxy, batch, mill) == ["CANCELLED"]

    async with mill.worker():
        batch = await mill.start(tmp_path / "in", job=BY_CLOUD)
        await until(polled)
        await mill.client.cancel(batch.id, "changed my mind")
        await mill.client.result(batch.id)
        await until(cancelled)
    assert await mill.outcomes(batch) == {"hanging.pdf": "cancelled"}
    assert proxy.count("DELETE", f"{FILES}/.+") == 1
    assert await saved_steps(mill, batch) == 0
