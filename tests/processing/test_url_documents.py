"""Documents named by URL: fetched once and processed like others; secrets are not stored."""

from threading import Event
from typing import Any

import pytest

from docmill.batches.create import insert_batch
from docmill.contracts.batches import BatchSpec
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.batches import SINGLE_JOB
from docmill.records.directories import JOBS_TYPE, Directories
from docmill.records.directory_files import DirectoryFiles
from docmill.records.jobs import Jobs
from docmill.records.tables.batches import Batch
from docmill.records.tables.sources import File
from tests.fixtures.mill import Mill, until
from tests.fixtures.web import Page, WebServer

SECRET = "s3cret-token"
PROJECT = DEFAULT_PROJECT_ID


def opened(mill: Mill, **changes: Any) -> Mill:
    """The same, with a gap in the fence for this machine."""
    mill.settings = mill.settings.model_copy(update={"fence_allow": ("127.0.0.1",), **changes})
    return mill


async def start(mill: Mill, *urls: str) -> Batch:
    async with mill.database.write() as session:
        directory = await Directories(session).create(PROJECT, "from the web", type=JOBS_TYPE)
        entries = [
            await DirectoryFiles(session).name_url(
                PROJECT,
                directory.id,
                unique_id=f"{number}/{url.rpartition('/')[2]}",
                name=url.rpartition("/")[2],
                url=f"{url}?token={SECRET}",
            )
            for number, url in enumerate(urls)
        ]
        places = [(entry.directory_id, entry.sequence) for entry in entries]
        batch, _ = await insert_batch(session, mill.settings, BatchSpec(), places, api=SINGLE_JOB)
    await mill.service.start(batch)
    return batch


async def run(mill: Mill, *urls: str) -> Batch:
    batch = await start(mill, *urls)
    await mill.client.result(batch.id)
    return await mill.row(batch)


async def test_url_document_is_fetched_once(mill: Mill, web: WebServer) -> None:
    url = web.serve("/note.txt", Page(b"A note from the web.\n"))
    twin = web.serve("/twin.txt", Page(b"A note from the web.\n"))
    async with opened(mill).worker():
        first = await run(mill, url)
        second = await run(mill, twin)
    (item,), (same,) = await mill.items(first), await mill.items(second)
    assert (item.status, item.size) == ("completed", 21)
    assert (same.status, same.skip_reason) == ("skipped", "already_processed")
    assert same.sha256 == item.sha256
    assert web.counts() == {"/note.txt": 1, "/twin.txt": 1}
    async with mill.database.read() as session:
        job = await Jobs(session).get(PROJECT, str(item.job_id))
        file = await session.get_one(File, job.file_id)
    assert (file.name, file.size, file.sha256) == ("note.txt", 21, item.sha256)


async def test_url_secrets_are_stored_nowhere(
    small_mill: Mill, web: WebServer, capfd: pytest.CaptureFixture[str]
) -> None:
    good = web.serve("/good.txt", Page(b"A good one.\n"))
    gone = f"{web.url}/gone.pdf"
    async with opened(small_mill).worker():
        batch = await run(small_mill, good, gone)
    handle = small_mill.temporal.get_workflow_handle(batch.id)
    history = b"".join([event.SerializeToString() async for event in handle.fetch_history_events()])
    assert b"gone.pdf" in history
    assert SECRET.encode() not in history
    assert web.url.encode() not in history
    items = {item.name: item for item in await small_mill.items(batch)}
    assert items["good.txt"].status == "completed"
    assert items["gone.pdf"].failure_class == "source_unreachable"
    assert items["gone.pdf"].failure_message == "127.0.0.1 answered 404."
    async with small_mill.database.read() as session:
        position = items["good.txt"].position
        listed = await DirectoryFiles(session).of_item(batch.id, position)
    assert (listed.source_url, listed.sha256) == (None, items["good.txt"].sha256)
    out, err = capfd.readouterr()
    assert SECRET not in out + err
    for path in small_mill.settings.home.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


async def test_failing_server_is_tried_three_times(small_mill: Mill, web: WebServer) -> None:
    again = {"Retry-After": "1"}
    back = web.serve(
        "/back.txt", Page(status=503, headers=again), Page(status=429, headers=again), Page(b"back")
    )
    down = web.serve("/down.txt", Page(status=500, headers=again))
    async with opened(small_mill).worker():
        batch = await run(small_mill, back, down)
    items = {item.name: item for item in await small_mill.items(batch)}
    assert (items["back.txt"].status, items["back.txt"].attempts) == ("completed", 3)
    assert items["down.txt"].failure_class == "source_unreachable"
    assert web.counts() == {"/back.txt": 3, "/down.txt": 3}


async def test_worker_rejects_a_host_that_resolves_to_a_private_address(
    small_mill: Mill, web: WebServer
) -> None:
    inside = f"http://localhost:{web.port}/a.txt"
    async with small_mill.worker():
        batch = await run(small_mill, inside)
    (item,) = await small_mill.items(batch)
    assert (item.failure_class, item.attempts) == ("source_unreachable", 1)
    assert web.asked == []


async def test_document_above_the_limit_is_skipped(small_mill: Mill, web: WebServer) -> None:
    url = web.serve("/big.txt", Page(b"x" * 65536, endless=True))
    async with opened(small_mill, max_file_mb=1).worker():
        batch = await run(small_mill, url)
    (item,) = await small_mill.items(batch)
    assert (item.status, item.skip_reason) == ("skipped", "size_limit_exceeded")


async def test_document_is_not_fetched_again_when_the_engine_fails(
    small_mill: Mill, web: WebServer
) -> None:
    url = web.serve("/crash.txt", Page(b'{"do": "segfault"}\n'))
    async with opened(small_mill).faulty_worker():
        batch = await run(small_mill, url)
    (item,) = await small_mill.items(batch)
    assert (item.failure_class, item.attempts) == ("crashed", 3)
    assert web.counts() == {"/crash.txt": 1}


async def test_cancel_stops_a_fetch(small_mill: Mill, web: WebServer) -> None:
    hold = Event()
    url = web.serve("/slow.txt", Page(b"late", hold=hold))

    async def asked() -> bool:
        return bool(web.asked)

    async with opened(small_mill).worker():
        batch = await start(small_mill, url)
        await until(asked)
        await small_mill.service.cancel(batch, "enough")
        result = await small_mill.client.result(batch.id)
    hold.set()
    assert result.tally.cancelled == 1
