"""Classify jobs over HTTP."""

import json
from typing import Any

import httpx
import pytest

from tests.api.steps import all_items, make_directory, make_file, ok, upload
from tests.fixtures.api import ROOT
from tests.fixtures.running import RunningDocmill
from tests.fixtures.sdks import Sdk

BASE = "/api/v2/classify"
CONFIGURATIONS = "/api/v1/beta/configurations"
V1 = "/api/v1/beta/batch-processing"
RULES = [
    {"type": "invoice", "description": "A bill that asks for payment of goods or services"},
    {"type": "contract", "description": "An agreement between two parties"},
    {"type": "price list", "description": "Products with article numbers and a price for each"},
]
CONFIGURATION = {"rules": RULES}
DOCUMENTS = ROOT / "examples/documents"


async def _file(api: httpx.AsyncClient, name: str) -> str:
    return await make_file(api, name, f"Invoice {name}".encode(), "classify")


async def test_job_waits_for_temporal_and_shows_its_request(api: httpx.AsyncClient) -> None:
    file_id = await _file(api, "wait.txt")

    job = await ok(await api.post(BASE, json={"file_id": file_id, "configuration": CONFIGURATION}))

    assert job["id"].startswith("clj-")
    assert (job["status"], job["result"], job["usage"]) == ("PENDING", None, None)
    assert (job["file_input"], job["document_input_type"]) == (file_id, "file_id")
    assert job["configuration"]["rules"] == RULES
    assert job["configuration"]["parsing_configuration"]["max_pages"] == 5
    shown = await ok(await api.get(f"{BASE}/{job['id']}", params={"expand": "usage"}))
    assert shown["usage"] == {"credits": 0.0, "parse_credits": 0.0}
    await ok(await api.get(f"/api/v2/parse/{job['id']}"), 404)
    assert (await api.delete(f"{BASE}/{job['id']}")).status_code == 409


async def test_repeated_transaction_id_returns_the_first_job(api: httpx.AsyncClient) -> None:
    body = {
        "file_input": await _file(api, "once.txt"),
        "configuration": CONFIGURATION,
        "transaction_id": "t-1",
    }
    first = await ok(await api.post(BASE, json=body))
    again = await ok(await api.post(BASE, json={**body, "file_input": "dfl-unknown"}))
    other = await ok(await api.post(BASE, json={**body, "transaction_id": "t-2"}))

    assert again == first
    assert first["transaction_id"] == "t-1"
    assert other["id"] != first["id"]
    listed = await all_items(api, BASE, page_size=1, job_ids=[first["id"], other["id"]])
    assert [row["id"] for row in listed] == [other["id"], first["id"]]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"configuration": {"rules": []}}, 422),
        ({"configuration": {"rules": [{"type": "a", "description": "short"}]}}, 422),
        ({"configuration": {**CONFIGURATION, "api_key": "secret"}}, 422),
        ({"configuration_id": "cfg-PARSE_FAST"}, 422),
        ({"configuration": None, "configuration_id": "cfg-PARSE_FAST"}, 422),
        ({"configuration": None, "configuration_id": "cfg-none"}, 404),
        ({"configuration": None}, 422),
        ({"file_id": "dfl-another"}, 422),
        ({"file_input": "https://user:word@example.com/a.pdf"}, 422),
        ({"file_input": "http://169.254.169.254/latest"}, 422),
        ({"file_input": "dfl-none"}, 404),
        ({"file_input": "pjb-none"}, 404),
    ],
)
async def test_invalid_classify_request_is_rejected(
    api: httpx.AsyncClient, change: dict[str, Any], status: int
) -> None:
    body = {"file_input": await _file(api, "refused.txt"), "configuration": CONFIGURATION}

    answer = await api.post(BASE, json={**body, **change})

    assert answer.status_code == status, answer.text
    assert "secret" not in answer.text


async def test_classify_configuration_is_validated(api: httpx.AsyncClient) -> None:
    good = {"product_type": "classify_v2", **CONFIGURATION}
    made = await ok(await api.post(CONFIGURATIONS, json={"name": "c", "parameters": good}), 201)
    assert made["parameters"] == good
    wrong = {**good, "rules": [{"type": "a", "description": "short"}]}
    answer = await api.post(CONFIGURATIONS, json={"name": "c", "parameters": wrong})
    assert answer.status_code == 422
    body = {"file_input": await _file(api, "by-id.txt"), "configuration_id": made["id"]}
    job = await ok(await api.post(BASE, json=body))
    assert (job["configuration_id"], job["configuration"]["rules"]) == (made["id"], RULES)


async def test_v1_batch_with_rules_is_a_classification(api: httpx.AsyncClient) -> None:
    directory = await make_directory(api)
    await upload(api, directory["id"], "a.txt", b"Invoice a")
    config = {"rules": RULES, "parsing_configuration": {"target_pages": [0]}, "mode": "MULTIMODAL"}

    batch = await ok(
        await api.post(V1, json={"directory_id": directory["id"], "job_config": config}), 201
    )

    assert (batch["job_type"], batch["status"]) == ("classify", "pending")
    (item,) = (await ok(await api.get(f"{V1}/{batch['id']}/items")))["items"]
    assert item["status"] == "pending"


def test_official_client_runs_single_jobs(running: RunningDocmill, latest_sdk: Sdk) -> None:
    document = DOCUMENTS / "invoice-2026-014.pdf"

    answer = latest_sdk.run("classify_once.py", running.url, str(document), json.dumps(RULES))

    for job in (answer["ran"], answer["job"], answer["by_parse"]):
        assert (job["status"], job["result"]["type"]) == ("COMPLETED", "invoice")
        assert job["result"]["confidence"] > 0.9
    assert answer["by_parse"]["document_input_type"] == "parse_job_id"
    assert answer["by_parse"]["parse_job_id"] == answer["parse"]
    assert answer["again"]
    assert answer["listed"]
    assert answer["async"] == "invoice"
    refused = {"ended": 409, "url": 422, "rules": 422, "file": 404, "deleted": 404}
    assert answer["refused"] == refused
