"""Extract jobs over HTTP: requests, rejections and answers."""

import json
from functools import partial
from typing import Any

import httpx
import pytest

from tests.api.steps import all_items, make_directory, make_file, ok, upload
from tests.fixtures.api import ROOT
from tests.fixtures.running import RunningDocmill
from tests.fixtures.sdks import Sdk
from tests.fixtures.web import Page, WebServer

BASE = "/api/v2/extract"
PARSE = "/api/v2/parse"
BATCHES = "/api/v2/batches"
CONFIGURATIONS = "/api/v1/beta/configurations"
SCHEMA = {
    "type": "object",
    "properties": {
        "invoice_number": {"type": "string", "description": "The number of the invoice"},
        "total": {"type": "number"},
    },
}
BASIC = {"data_schema": SCHEMA, "engine": "basic"}
TEXT = b"Invoice number: 2026-014\nTotal: 380.00\n"
_file = partial(make_file, data=TEXT, purpose="extract")


async def test_job_waits_for_temporal_and_shows_its_request(api: httpx.AsyncClient) -> None:
    file_id = await _file(api, "wait.txt")

    job = await ok(await api.post(BASE, json={"file_input": file_id, "configuration": BASIC}))

    assert job["id"].startswith("ext-")
    assert (job["status"], job["extract_result"], job["configuration"]) == ("PENDING", None, None)
    assert job["file_input"] == file_id
    wanted = {"expand": ["configuration", "usage", "extract_metadata"]}
    shown = await ok(await api.get(f"{BASE}/{job['id']}", params=wanted))
    assert shown["configuration"]["data_schema"] == SCHEMA
    assert shown["configuration"]["extraction_target"] == "per_doc"
    assert (shown["usage"]["credits"], shown["extract_metadata"]) == (0.0, None)
    await ok(await api.get(f"{PARSE}/{job['id']}"), 404)
    await ok(await api.get(f"{BASE}/{job['id']}", params={"expand": "everything"}), 422)


async def test_parse_configuration_is_stored_with_its_parameters(api: httpx.AsyncClient) -> None:
    configuration = {**BASIC, "parse_config_id": "cfg-PARSE_FAST"}
    body = {"file_input": await _file(api, "read.txt"), "configuration": configuration}

    job = await ok(await api.post(BASE, json=body))

    shown = await ok(await api.get(f"{BASE}/{job['id']}", params={"expand": "configuration"}))
    assert shown["configuration"]["parse_config_id"] == "cfg-PARSE_FAST"
    assert shown["configuration"]["parse_parameters"]["tier"] == "fast"


async def test_job_without_an_engine_is_rejected_with_the_settings_to_make(
    api: httpx.AsyncClient,
) -> None:
    body = {"file_input": await _file(api, "none.txt"), "configuration": {"data_schema": SCHEMA}}

    answer = await api.post(BASE, json=body)

    assert answer.status_code == 422
    assert "DOCMILL_LLM_BASE_URL" in answer.json()["hint"]
    body["configuration"] = {"data_schema": SCHEMA, "engine": "llm"}
    assert (await api.post(BASE, json=body)).status_code == 422


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"configuration": {"engine": "basic"}}, 422),
        ({"configuration": {**BASIC, "data_schema": {"type": "array"}}}, 422),
        ({"configuration": {**BASIC, "api_key": "secret"}}, 422),
        ({"configuration": {**BASIC, "extraction_target": "per_word"}}, 422),
        ({"configuration": {**BASIC, "parse_config_id": "cfg-none"}}, 404),
        ({"configuration_id": "cfg-PARSE_FAST"}, 422),
        ({"configuration": None}, 422),
        ({"configuration": None, "configuration_id": "cfg-PARSE_FAST"}, 422),
        ({"configuration": None, "configuration_id": "cfg-none"}, 404),
        ({"file_input": "dfl-none"}, 404),
        ({"file_input": "pjb-none"}, 404),
        ({"file_input": "http://127.0.0.1/a.pdf"}, 422),
        ({"webhook_configuration_ids": ["whc-none"]}, 404),
    ],
)
async def test_invalid_extract_request_is_rejected(
    api: httpx.AsyncClient, change: dict[str, Any], status: int
) -> None:
    body = {"file_input": await _file(api, "refused.txt"), "configuration": BASIC}

    answer = await api.post(BASE, json={**body, **change})

    assert answer.status_code == status, answer.text
    assert "secret" not in answer.text


async def test_parse_job_as_input_is_rejected_until_it_completes(
    api: httpx.AsyncClient,
) -> None:
    asked = {"file_id": await _file(api, "parsed.txt"), "tier": "fast", "version": "latest"}
    parse = await ok(await api.post(PARSE, json=asked))

    answer = await api.post(BASE, json={"file_input": parse["id"], "configuration": BASIC})

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "file_input"]
    assert "PENDING" in answer.json()["detail"][0]["msg"]


async def test_job_list_filters_by_request_fields(api: httpx.AsyncClient) -> None:
    one, two = await _file(api, "one.txt"), await _file(api, "two.txt")
    made = await ok(
        await api.post(
            CONFIGURATIONS,
            json={"name": "listed", "parameters": {"product_type": "extract_v2", **BASIC}},
        ),
        201,
    )
    first = await ok(await api.post(BASE, json={"file_input": one, "configuration": BASIC}))
    second = await ok(
        await api.post(BASE, json={"file_input": two, "configuration_id": made["id"]})
    )
    both = [second["id"], first["id"]]

    async def found(**filters: Any) -> list[str]:
        rows = await all_items(api, BASE, page_size=1, job_ids=both, **filters)
        return [row["id"] for row in rows]

    assert await found() == both
    assert await found(file_input=one) == await found(document_input_value=one) == both[1:]
    assert await found(configuration_id=made["id"]) == both[:1]
    assert await found(document_input_type="file_id", status="PENDING") == both
    assert await found(document_input_type="parse_job_id") == []
    assert await found(status="THROTTLED") == []
    assert await found(created_at_on_or_before="2020-01-01T00:00:00Z") == []
    expanded = await all_items(api, BASE, job_ids=both, expand="configuration")
    assert all(row["configuration"]["engine"] == "basic" for row in expanded)


async def test_running_job_is_deleted_only_by_force(api: httpx.AsyncClient) -> None:
    body = {"file_input": await _file(api, "forced.txt"), "configuration": BASIC}
    job = await ok(await api.post(BASE, json=body))
    path = f"{BASE}/{job['id']}"

    refused = await api.delete(path)

    assert (refused.status_code, refused.headers["x-should-retry"]) == (409, "false")
    deleted = await ok(await api.request("DELETE", path, params={"force": True}))
    assert deleted["id"] == job["id"]
    await ok(await api.get(path), 404)


async def test_repeated_create_makes_one_job(api: httpx.AsyncClient) -> None:
    body = {"file_input": await _file(api, "again.txt"), "configuration": BASIC}
    headers = {"Idempotency-Key": "extract-again"}

    jobs = [await ok(await api.post(BASE, json=body, headers=headers)) for _ in range(2)]

    assert jobs[0]["id"] == jobs[1]["id"]


async def test_schema_error_names_its_location(api: httpx.AsyncClient) -> None:
    path = f"{BASE}/schema/validation"
    short = {"properties": {"total": {"type": "number"}}}

    taken = await ok(await api.post(path, json={"data_schema": short}))
    refused = await api.post(
        path, json={"data_schema": {"properties": {"total": {"type": "numeric"}}}}
    )

    assert taken["data_schema"] == {"type": "object", **short}
    problem = refused.json()["detail"][0]
    assert (refused.status_code, problem["loc"]) == (422, ["body", "data_schema"])
    assert "at properties.total.type" in problem["msg"]


async def test_extract_configuration_is_validated(api: httpx.AsyncClient) -> None:
    good = {"product_type": "extract_v2", **BASIC}

    made = await ok(await api.post(CONFIGURATIONS, json={"name": "e", "parameters": good}), 201)
    wrong = {**good, "data_schema": {"type": "string"}}
    refused = await api.post(CONFIGURATIONS, json={"name": "e", "parameters": wrong})

    assert made["parameters"] == good
    assert refused.status_code == 422


async def test_batch_accepts_an_extract_configuration(api: httpx.AsyncClient) -> None:
    directory = await make_directory(api)
    await upload(api, directory["id"], "a.txt", TEXT)
    fast = {"product_type": "parse_v2", "tier": "fast", "version": "latest"}
    reading = {"name": "reading", "parameters": fast}
    parse = await ok(await api.post(CONFIGURATIONS, json=reading), 201)
    parameters = {"product_type": "extract_v2", **BASIC, "parse_config_id": parse["id"]}
    made = await ok(
        await api.post(CONFIGURATIONS, json={"name": "b", "parameters": parameters}), 201
    )
    job = {"type": "extract_v2", "configuration_id": made["id"]}
    body = {"source_directory_id": directory["id"], "config": {"job": job}}

    batch = await ok(await api.post(BATCHES, json=body), 201)
    mixed = {**body, "config": {"job": {**job, "type": "parse_v2"}}}

    assert (batch["status"], batch["config"]["job"]) == ("PENDING", job)
    assert (await api.post(BATCHES, json=mixed)).status_code == 422
    listed = await all_items(api, BATCHES, source_directory_id=directory["id"])
    assert [row["id"] for row in listed] == [batch["id"]]


def test_official_client_runs_single_jobs(running: RunningDocmill, latest_sdk: Sdk) -> None:
    document = ROOT / "examples/documents/invoice-2026-014.pdf"
    schema = json.loads((ROOT / "examples/invoice.schema.json").read_text())
    asked = {"data_schema": schema, "engine": "basic"}

    answer = latest_sdk.run("extract_once.py", running.url, str(document), json.dumps(asked))

    ran, job, by_parse, by_page = (answer[name] for name in ("ran", "job", "by_parse", "by_page"))
    found = ran["extract_result"]
    assert (ran["status"], found["total"], found["date"]) == ("COMPLETED", 12377.0, "2026-03-03")
    assert answer["async"] == job["extract_result"] == by_parse["extract_result"] == found
    assert by_page["extract_result"] == [found]
    assert ran["metadata"]["usage"] == {"num_pages_extracted": 1, "num_pages_billed": 0}
    assert ran["extract_metadata"] is None
    known = job["extract_metadata"]["field_metadata"]["document_metadata"]
    assert known["total"]["citation"][0]["page"] == 1
    assert known["items"][2]["amount"]["citation"][0]["matching_text"] == "2373.00"
    assert job["configuration"]["cite_sources"]
    assert (job["configuration_id"], job["file_input"]) == (answer["configuration"], answer["file"])
    assert job["usage"]["credits"] == 0
    assert by_parse["extract_metadata"]["parse_job_id"] == answer["parse"]
    assert by_parse["extract_metadata"]["parse_tier"] == "fast"
    sure = by_parse["extract_metadata"]["field_metadata"]["document_metadata"]
    assert 0 < sure["total"]["confidence"] <= 1
    assert answer["listed"] == {
        "all": [3, 2, 1, 0],
        "configuration": [1],
        "parsed": [2],
        "file": [3, 1, 0],
        "running": [],
    }
    assert answer["generated"]["parameters"]["data_schema"] == schema
    refused = {"ended": 409, "schema": 422, "engine": 422, "file": 404, "prompt": 422}
    assert answer["refused"] == {**refused, "deleted": 404}


async def test_url_is_fetched_and_its_query_is_not_shown(
    live: httpx.AsyncClient, web: WebServer
) -> None:
    url = web.serve("/bill.txt", Page(TEXT))
    rules = [{"type": "bill", "description": "An invoice with a total to pay"}]

    extract = await ok(
        await live.post(BASE, json={"file_input": f"{url}?key=s3cret", "configuration": BASIC})
    )
    classify = await ok(
        await live.post(
            "/api/v2/classify",
            json={"file_input": f"{url}?key=s3cret", "configuration": {"rules": rules}},
        )
    )

    for path, job in ((BASE, extract), ("/api/v2/classify", classify)):
        while (shown := await ok(await live.get(f"{path}/{job['id']}")))["status"] != "COMPLETED":
            assert shown["status"] in ("PENDING", "RUNNING"), shown
        assert shown["file_input"] == url
        assert "s3cret" not in json.dumps(shown)
    assert classify["document_input_type"] == "url"
    assert (await ok(await live.get(f"{BASE}/{extract['id']}")))["extract_result"]["total"] == 380.0
