"""Batches of both contracts while Temporal is unavailable: the row is stored and waits."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from docmill.contracts.scans import ScannedEntry
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.database import Database
from docmill.records.directories import Directories
from docmill.records.scans import Scans
from docmill.records.scope import EVERY_PROJECT
from tests.api.steps import all_items, make_directory, ok, upload
from tests.fixtures.api import ApiServer

V2 = "/api/v2/batches"
V1 = "/api/v1/beta/batch-processing"
PRESET = {"job": {"type": "parse_v2", "configuration_id": "cfg-PARSE_FAST"}}


async def _directory(api: httpx.AsyncClient, files: int = 2) -> str:
    directory = await make_directory(api)
    for number in range(files):
        await upload(api, directory["id"], f"{number}.txt", b"%d" % number)
    return str(directory["id"])


async def _create(api: httpx.AsyncClient, directory_id: str, **fields: Any) -> dict[str, Any]:
    body = {"source_directory_id": directory_id, "config": PRESET, **fields}
    found: dict[str, Any] = await ok(await api.post(V2, json=body), 201)
    return found


async def test_batch_stays_pending_when_temporal_is_unavailable(api: httpx.AsyncClient) -> None:
    directory = await _directory(api)
    made = await _create(api, directory)
    assert made["status"] == "PENDING"
    assert made["config"] == PRESET
    shown = await ok(await api.get(f"{V2}/{made['id']}", params={"expand": "results"}))
    assert shown == made
    assert shown["results"] is None
    listed = await all_items(api, V2, source_directory_id=directory, status="PENDING")
    assert listed == [made]
    assert await all_items(api, V2, source_directory_id=directory, status="RUNNING") == []


async def test_time_filters_of_lists_are_inclusive(api: httpx.AsyncClient) -> None:
    directory = await _directory(api)
    made = [await _create(api, directory) for _ in range(3)]
    first, last = made[0]["created_at"], made[2]["created_at"]
    query = {"created_at_on_or_after": first, "created_at_on_or_before": last, "page_size": 1}
    found = await all_items(api, V2, source_directory_id=directory, **query)
    assert [row["id"] for row in found] == [row["id"] for row in made[::-1]]
    page = await ok(await api.get(V2, params={"source_directory_id": directory, "page_size": 1}))
    assert page["total_size"] == 3


@pytest.mark.parametrize(
    ("change", "status", "loc"),
    [
        ({"source_directory_id": "dir-unknown"}, 404, None),
        ({"config": {"job": {"type": "parse_v2", "configuration_id": "cfg-x"}}}, 404, None),
        (
            {"config": {"job": {"type": "extract_v2", "configuration_id": "cfg-PARSE_FAST"}}},
            422,
            ["body", "config", "job", "configuration_id"],
        ),
        (
            {"config": {"job": {"type": "classify_v2", "configuration_id": "cfg-PARSE_FAST"}}},
            422,
            ["body", "config", "job", "type"],
        ),
        ({"config": {}}, 422, ["body", "config", "job"]),
        ({"webhook_configuration_ids": ["whc-unknown"]}, 404, None),
        ({"webhook_configuration_ids": ["a"] * 5}, 422, ["body", "webhook_configuration_ids"]),
    ],
)
async def test_invalid_create_reports_the_reason(
    api: httpx.AsyncClient, change: dict[str, Any], status: int, loc: list[str] | None
) -> None:
    body = {"source_directory_id": await _directory(api, 1), "config": PRESET} | change
    answer = await api.post(V2, json=body)
    assert answer.status_code == status, answer.text
    if loc is not None:
        assert answer.json()["detail"][0]["loc"] == loc


async def test_empty_directory_is_rejected(api: httpx.AsyncClient) -> None:
    directory = await _directory(api, 0)
    answer = await api.post(V2, json={"source_directory_id": directory, "config": PRESET})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "source_directory_id"]
    answer = await api.post(V1, json={"directory_id": directory, "job_config": {}})
    assert answer.status_code == 422


async def test_batch_keeps_its_snapshot_when_the_configuration_is_edited(
    api: httpx.AsyncClient,
) -> None:
    parameters = {"product_type": "parse_v2", "tier": "fast", "version": "latest"}
    configurations = "/api/v1/beta/configurations"
    made = await ok(
        await api.post(configurations, json={"name": "snap", "parameters": parameters}), 201
    )
    directory = await _directory(api)
    config = {"job": {"type": "parse_v2", "configuration_id": made["id"]}}
    batch = await _create(api, directory, config=config)
    await ok(await api.delete(f"{configurations}/{made['id']}"), 204)
    assert (await ok(await api.get(f"{V2}/{batch['id']}")))["config"] == config


async def test_steering_returns_503_with_retry_after_when_temporal_is_unavailable(
    api: httpx.AsyncClient,
) -> None:
    made = await _create(api, await _directory(api))
    answer = await api.post(f"{V2}/{made['id']}/cancel")
    assert answer.status_code == 503
    assert 0 < float(answer.headers["retry-after"]) <= 60


async def test_unknown_expand_returns_422(api: httpx.AsyncClient) -> None:
    made = await _create(api, await _directory(api))
    answer = await api.get(f"{V2}/{made['id']}", params={"expand": "everything"})
    assert answer.status_code == 422
    assert "results" in answer.text


async def test_each_contract_shows_its_own_batches(api: httpx.AsyncClient) -> None:
    directory = await _directory(api)
    first = await _create(api, directory)
    second = await ok(await api.post(V1, json={"directory_id": directory, "job_config": {}}), 201)
    assert (second["id"][:4], second["status"], second["total_items"]) == ("bjb-", "pending", 2)
    await ok(await api.get(f"{V2}/{second['id']}"), 404)
    await ok(await api.get(f"{V1}/{first['id']}"), 404)
    listed = await ok(await api.get(V1, params={"directory_id": directory}))
    assert [row["id"] for row in listed["items"]] == [second["id"]]
    assert listed["total_size"] == 1
    for name in ("first", "second"):
        row = {"first": first, "second": second}[name]
        extra = await ok(await api.get(f"/api/docmill/v1/batches/{row['id']}"))
        assert extra["counts"]["pending"] == extra["total"] == 2


async def test_v1_items_are_listed_before_the_batch_starts(api: httpx.AsyncClient) -> None:
    directory = await _directory(api, 5)
    job = await ok(await api.post(V1, json={"directory_id": directory, "job_config": {}}), 201)
    path = f"{V1}/{job['id']}/items"
    page = await ok(await api.get(path, params={"limit": 2, "offset": 4}))
    assert (len(page["items"]), page["total_size"]) == (1, 5)
    assert page["items"][0]["status"] == "pending"
    none = await ok(await api.get(path, params={"status": "completed"}))
    assert (none["items"], none["total_size"]) == ([], 0)
    state = await ok(await api.get(f"{V1}/{job['id']}"))
    assert state["progress_percentage"] == 0.0


async def test_v1_create_accepts_two_thousand_item_ids(api: httpx.AsyncClient) -> None:
    directory = await make_directory(api)
    first = await upload(api, directory["id"], "a.txt", b"a")
    second = await upload(api, directory["id"], "b.txt", b"b")
    ids = [second["id"], first["id"]] * 1_000
    job = await ok(await api.post(V1, json={"item_ids": ids, "job_config": {}}), 201)
    assert (job["total_items"], job["directory_id"]) == (2, None)
    page = await ok(await api.get(f"{V1}/{job['id']}/items"))
    assert [row["item_id"] for row in page["items"]] == [second["id"], first["id"]]
    answer = await api.post(V1, json={"item_ids": ["dfl-unknown"], "job_config": {}})
    assert answer.status_code == 404
    assert "dfl-unknown" in answer.text


@pytest.mark.parametrize(
    "body",
    [
        {"job_config": {}},
        {"job_config": {}, "directory_id": "dir-1", "item_ids": ["dfl-1"]},
        {"directory_id": "dir-1"},
        {"job_config": {}, "directory_id": "dir-1", "page_size": 0},
        {"job_config": {}, "directory_id": "dir-1", "page_size": 1001},
        {"job_config": {"rules": []}, "directory_id": "dir-1"},
        {"job_config": {"rules": [{"type": "a", "description": "short"}]}, "directory_id": "dir-1"},
    ],
)
async def test_invalid_v1_create_returns_422(api: httpx.AsyncClient, body: dict[str, Any]) -> None:
    answer = await api.post(V1, json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["msg"]


async def test_v1_secrets_are_not_stored(api: httpx.AsyncClient) -> None:
    directory = await _directory(api)
    parameters = {"azure_openai_key": "s3cret", "vendor_multimodal_api_key": "s3cret", "lang": "en"}
    body = {"directory_id": directory, "job_config": {"parameters": parameters}}
    job = await ok(await api.post(V1, json=body), 201)
    shown = await api.get(f"{V1}/{job['id']}")
    assert "s3cret" not in shown.text + json.dumps(job)


async def test_foreign_temporal_namespace_is_rejected(api: httpx.AsyncClient) -> None:
    directory = await _directory(api)
    body = {"directory_id": directory, "job_config": {}}
    headers = {"temporal-namespace": "somebody-elses"}
    assert (await api.post(V1, json=body, headers=headers)).status_code == 422
    headers = {"temporal-namespace": "default"}
    assert (await api.post(V1, json=body, headers=headers)).status_code == 201


async def test_unknown_id_returns_404_on_every_route(api: httpx.AsyncClient) -> None:
    for path in (
        f"{V2}/bat-x",
        f"{V1}/bjb-x",
        f"{V1}/bjb-x/items",
        f"{V1}/items/dfl-x/processing-results",
        "/api/v2/parse/pjb-x",
        "/api/docmill/v1/batches/bat-x",
        "/api/docmill/v1/batches/bat-x/items",
        "/api/v1/projects/prj-x",
        "/api/v2/batches?project_id=prj-x",
        "/api/v2/batches?organization_id=x",
    ):
        answer = await api.get(path)
        assert answer.status_code == 404, path
        assert answer.json()["detail"]


async def test_batch_over_100000_files_is_created_at_once(
    api: httpx.AsyncClient, api_server: ApiServer
) -> None:
    database = Database(f"sqlite+aiosqlite:///{api_server.home / 'records.db'}", EVERY_PROJECT)
    source = {"folder": "/nowhere", "recursive": True}
    async with database.write() as session:
        directory = await Directories(session).find_or_create_source(
            DEFAULT_PROJECT_ID, "large", source
        )
        scan = await Scans(session).begin(directory.id)
    for part in range(100):
        entries = [
            ScannedEntry(f"{part}/{n}.txt", f"{n}.txt", b"x", 1, "seen") for n in range(1_000)
        ]
        async with database.write() as session:
            await Scans(session).add(directory.id, scan, entries)
    async with database.write() as session:
        await Scans(session).publish(directory.id, scan)
    await database.close()
    async with asyncio.timeout(10):  # it takes a twentieth of a second
        made = await _create(api, directory.id)
        shown = await ok(await api.get(f"/api/docmill/v1/batches/{made['id']}"))
    assert shown["total"] == shown["counts"]["pending"] == 100_000
