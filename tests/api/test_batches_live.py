"""Whole batches over HTTP: live counts, control, external ends, and a Temporal outage."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from docmill.embedded.addresses import Addresses, free_port
from tests.api.steps import all_items, make_directory, ok, upload
from tests.fixtures.api import ApiServer
from tests.fixtures.proxies import tcp_proxy
from tests.fixtures.running import RunningDocmill

V2 = "/api/v2/batches"
V1 = "/api/v1/beta/batch-processing"
DOCMILL = "/api/docmill/v1/batches"
PRESET = {"job": {"type": "parse_v2", "configuration_id": "cfg-PARSE_FAST"}}
ENDED = ("COMPLETED", "FAILED", "CANCELLED")
FILES = 12


async def _until(look: Callable[[], Awaitable[Any]], seconds: float = 60) -> Any:
    async with asyncio.timeout(seconds):
        while not (found := await look()):
            await asyncio.sleep(0.1)
        return found


@pytest.fixture(scope="session")
def numbered() -> list[tuple[str, bytes]]:
    """Files of a batch: names and contents."""
    return [(f"{n:02}.txt", f"File number {n}.".encode()) for n in range(FILES)]


async def _directory(
    api: httpx.AsyncClient, numbered: list[tuple[str, bytes]], mark: str
) -> dict[str, Any]:
    directory = await make_directory(api, name=mark)
    for name, data in numbered:
        await upload(api, directory["id"], name, data + mark.encode())
    return directory


async def _ended(api: httpx.AsyncClient, batch_id: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        found: dict[str, Any] = await ok(await api.get(f"{V2}/{batch_id}"))
        return found if found["status"] in ENDED else None

    ended: dict[str, Any] = await _until(look)
    return ended


def _address(running: RunningDocmill) -> str:
    return Addresses(**json.loads((running.home / "server.json").read_text())).grpc


async def _temporal(running: RunningDocmill) -> Client:
    return await Client.connect(_address(running))


async def test_live_batch_shows_all_its_fields(
    live: httpx.AsyncClient, numbered: list[tuple[str, bytes]]
) -> None:
    directory = await _directory(live, numbered, "whole")
    await upload(live, directory["id"], "zz.pdf", b"not a pdf at all")
    body = {"source_directory_id": directory["id"], "config": PRESET}
    batch = await ok(await live.post(V2, json=body), 201)
    assert (await _ended(live, batch["id"]))["status"] == "COMPLETED"
    shown = await ok(await live.get(f"{DOCMILL}/{batch['id']}"))
    total = FILES + 1
    assert shown["counts"]["completed"] + shown["counts"]["failed"] == shown["total"] == total
    assert shown["progress_percentage"] == 100.0
    items = await all_items(live, f"{DOCMILL}/{batch['id']}/items", page_size=5)
    assert [item["path"] for item in items] == [*(name for name, _ in numbered), "zz.pdf"]
    failed = await all_items(live, f"{DOCMILL}/{batch['id']}/items", status="failed")
    groups = await ok(await live.get(f"{DOCMILL}/{batch['id']}/failures"))
    assert sum(group["count"] for group in groups) == len(failed) == shown["counts"]["failed"]
    assert all(group["advice"] for group in groups)
    manifest = await live.get(f"{DOCMILL}/{batch['id']}/manifest")
    rows = [json.loads(line) for line in manifest.text.splitlines()]
    assert {row["path"]: row["outcome"] for row in rows} == {
        item["path"]: item["status"] for item in items
    }
    parquet = await live.get(f"{DOCMILL}/{batch['id']}/manifest", params={"format": "parquet"})
    assert parquet.content[:4] == b"PAR1"
    again = await ok(await live.get(f"{V2}/{batch['id']}", params={"expand": "results"}))
    assert [one["source_directory_file_id"] for one in again["results"]] == [
        item["item_id"] for item in items
    ]


async def test_parse_job_returns_the_requested_expansions(
    live: httpx.AsyncClient, numbered: list[tuple[str, bytes]]
) -> None:
    directory = await make_directory(live, name="expand")
    await upload(live, directory["id"], "a.md", b"# Title\n\nBody of the text.\n")
    body = {"source_directory_id": directory["id"], "config": PRESET}
    batch = await ok(await live.post(V2, json=body), 201)
    await _ended(live, batch["id"])
    shown = await ok(await live.get(f"{V2}/{batch['id']}", params={"expand": "results"}))
    job = shown["results"][0]["job_reference"]["id"]
    plain = await ok(await live.get(f"/api/v2/parse/{job}"))
    assert (plain["job"]["status"], plain["job"]["tier"]) == ("COMPLETED", "fast")
    assert plain["markdown"] is None
    wanted = ["markdown", "text", "markdown_full", "text_full", "items", "metadata", "usage"]
    contents = ["markdown_content_metadata", "xlsx_content_metadata", "images_content_metadata"]
    full = await ok(
        await live.get(
            f"/api/v2/parse/{job}", params={"expand": [*wanted, *contents, "job_metadata"]}
        )
    )
    assert "Body of the text." in full["markdown"]["pages"][0]["markdown"]
    assert "Body of the text." in full["text_full"]
    assert full["items"]["pages"][0]["items"]
    assert full["job"]["usage"] == {"credits": 0.0}
    assert full["job_metadata"]["engine"]
    assert full["result_content_metadata"]["xlsx"]["exists"] is False
    link = full["result_content_metadata"]["markdown"]
    downloaded = await live.get(link["presigned_url"])
    assert downloaded.text == full["markdown_full"]
    assert len(downloaded.content) == link["size_bytes"]
    assert (await live.get(f"/api/v2/parse/{job}", params={"expand": "all"})).status_code == 422
    assert (await live.post(f"/api/v2/parse/{job}/cancel")).status_code == 409


async def test_batch_can_be_paused_changed_resumed_and_cancelled(
    live: httpx.AsyncClient, numbered: list[tuple[str, bytes]]
) -> None:
    directory = await _directory(live, numbered, "steered")
    body = {"directory_id": directory["id"], "job_config": {}, "page_size": 1}
    job = await ok(await live.post(V1, json=body), 201)
    path = f"{DOCMILL}/{job['id']}"
    paused = await ok(await live.post(f"{path}/pause"))
    assert paused["id"] == job["id"]

    async def stands_still() -> bool:
        shown = await ok(await live.get(path))
        return bool(shown["paused"] and not shown["counts"]["processing"])

    await _until(stands_still)
    changed = await ok(await live.put(f"{path}/concurrency", json={"concurrency": 1}))
    assert changed["concurrency"] == 1
    assert (await live.put(f"{path}/concurrency", json={"concurrency": 0})).status_code == 422
    cancelled = await ok(await live.post(f"{V1}/{job['id']}/cancel", json={"reason": "enough"}))
    assert cancelled["job_id"] == job["id"]

    async def ended() -> dict[str, Any] | None:
        state = await ok(await live.get(f"{V1}/{job['id']}"))
        return state["job"] if state["job"]["status"] == "cancelled" else None

    await _until(ended)
    items = (await ok(await live.get(f"{V1}/{job['id']}/items")))["items"]
    assert {item["status"] for item in items} <= {"cancelled", "completed"}
    refused = await live.post(f"{V1}/{job['id']}/cancel", json={})
    assert refused.status_code == 409
    assert refused.headers["x-should-retry"] == "false"
    assert (await live.post(f"{path}/resume")).status_code == 409


async def _paused(api: httpx.AsyncClient, directory: str) -> str:
    body = {"source_directory_id": directory, "config": PRESET}
    batch = await ok(await api.post(V2, json=body), 201)
    await ok(await api.post(f"{DOCMILL}/{batch['id']}/pause"))
    return str(batch["id"])


async def test_batch_terminated_in_temporal_is_reported_as_ended(
    live: httpx.AsyncClient, running: RunningDocmill, numbered: list[tuple[str, bytes]]
) -> None:
    directory = await _directory(live, numbered, "terminated")
    temporal = await _temporal(running)
    read, unread = [await _paused(live, directory["id"]) for _ in range(2)]
    for batch_id in (read, unread):
        await temporal.get_workflow_handle(batch_id).terminate("by an operator")
    assert (await _ended(live, read))["status"] in ("CANCELLED", "COMPLETED")

    async def mended() -> bool:  # a list never asks Temporal: only the reconciler can change it
        rows = await all_items(live, V2, source_directory_id=directory["id"])
        return all(row["status"] in ENDED for row in rows)

    await _until(mended)


async def test_batch_created_during_a_temporal_outage_starts_when_temporal_returns(
    running: RunningDocmill, tmp_path: Path, numbered: list[tuple[str, bytes]]
) -> None:
    port = free_port()
    # A home of its own, so that only this server can start the batch: when somebody reads it.
    temporal = await _temporal(running)
    with ApiServer(tmp_path / "home", TEMPORAL_ADDRESS=f"127.0.0.1:{port}") as server:
        api = httpx.AsyncClient(base_url=server.url, timeout=30)
        directory = await _directory(api, numbered, "back")
        body = {"source_directory_id": directory["id"], "config": PRESET}
        batch = await ok(await api.post(V2, json=body), 201)
        assert batch["status"] == "PENDING"
        workflow = temporal.get_workflow_handle(batch["id"])

        async def started() -> bool:
            await ok(await api.get(f"{V2}/{batch['id']}"))
            try:
                return bool((await workflow.describe()).id == batch["id"])
            except RPCError:
                return False

        assert not await started()
        async with tcp_proxy(_address(running), port=port):
            await _until(started)
            with suppress(RPCError):  # the worker, which is of another home, may have refused it
                await workflow.terminate("no worker of its home is there")
            assert (await _ended(api, batch["id"]))["status"] in ("CANCELLED", "FAILED")
        await api.aclose()


async def test_page_size_determines_the_runs_of_the_workflow(
    live: httpx.AsyncClient, running: RunningDocmill, numbered: list[tuple[str, bytes]]
) -> None:
    directory = await _directory(live, numbered, "pages")
    body = {
        "directory_id": directory["id"],
        "job_config": {"parameters": {"fast_mode": True}},
        "page_size": 2,
        "continue_as_new_threshold": 4,
    }
    job = await ok(await live.post(V1, json=body), 201)

    async def ended() -> bool:
        state = await ok(await live.get(f"{V1}/{job['id']}"))
        return bool(state["job"]["status"] == "completed")

    await _until(ended)
    temporal = await _temporal(running)
    runs = [run async for run in temporal.list_workflows(f"WorkflowId = '{job['id']}'")]
    assert len(runs) >= FILES // 4
