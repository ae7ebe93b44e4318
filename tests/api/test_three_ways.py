"""The same files and parameters give the same results by API, command and Temporal client."""

import json
import os
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from temporalio.client import Client

from docmill.embedded.addresses import Addresses
from tests.api.steps import all_items, ok
from tests.api.test_classify import RULES
from tests.cli.starting import Cli
from tests.fixtures.api import ROOT
from tests.fixtures.running import RunningDocmill
from tests.fixtures.sdks import Sdk

SCHEMA = json.loads((ROOT / "examples/invoice.schema.json").read_text())
PARAMETERS: dict[str, dict[str, Any]] = {
    "parse": {"tier": "fast"},
    "classify": {"rules": RULES},
    "extract": {"data_schema": SCHEMA, "engine": "basic"},
}
NO_CACHE = {"disable_cache": True}
"""So that no way gets what another has made."""
EVERYTHING = os.environ.get("DOCMILL_TEST_ALL") == "1"

Results = dict[str, Any]
"""What was made of each file; None for one that failed."""

pytestmark = pytest.mark.timeout(600 if EVERYTHING else 120)


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A flat folder: the example documents, with all tests the whole corpus as well."""
    folder = tmp_path_factory.mktemp("three-ways")
    places = [ROOT / "examples/documents"]
    if EVERYTHING:
        places.append(request.getfixturevalue("corpus") / "documents")
    for place in places:
        for path in place.iterdir():
            if path.is_file() and (EVERYTHING or path.suffix != ".png"):
                shutil.copy(path, folder / path.name)
    return folder


@pytest.fixture
def sdks(latest_sdk: Sdk, v1_sdk: Sdk) -> tuple[Sdk, Sdk]:
    """The latest client, and the last one that knows v1."""
    return latest_sdk, v1_sdk


def _said(job: str, result: dict[str, Any]) -> Any:
    """The part of a result that all ways show."""
    if job == "parse":
        return [page["markdown"] for page in result["pages"] if page["success"]]
    return result["result"]


def _by_command(running: RunningDocmill, job: str, folder: Path, scratch: Path) -> Results:
    out, config = scratch / "out", scratch / "job.json"
    config.write_text(json.dumps(PARAMETERS[job] | NO_CACHE))
    done = Cli(running.home, scratch)("run", folder, "--out", out, "--job", job, "--config", config)
    assert done.returncode == 1, done.stdout + done.stderr  # the broken one failed
    rows = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    return {
        row["path"]: _said(job, json.loads((out / f"{row['path']}.json").read_text()))
        if row["outcome"] == "completed"
        else None
        for row in rows
    }


async def _by_temporal(running: RunningDocmill, job: str, folder: Path) -> Results:
    address = Addresses(**json.loads((running.home / "server.json").read_text())).grpc
    batch_id = f"bat-{uuid4()}"
    spec = {"folder": str(folder), "job": {"type": job, "parameters": PARAMETERS[job] | NO_CACHE}}
    result = await (await Client.connect(address)).execute_workflow(
        "Batch",
        {"batch_id": batch_id, "spec": spec},
        id=batch_id,
        task_queue="docmill",
        result_type=dict,
    )
    assert result["tally"]["skipped"] == 0
    async with httpx.AsyncClient(base_url=running.url, timeout=60) as api:
        items = await all_items(api, f"/api/docmill/v1/batches/{batch_id}/items")
        batch = await ok(await api.get(f"/api/v2/batches/{batch_id}", params={"expand": "results"}))
        assert batch["config"]["job"]["type"] == f"{job}_v2"
        assert len(batch["results"]) == len(items)
        return {item["path"]: await _job(api, job, item["job_id"]) for item in items}


async def _one_of_a_folder(running: RunningDocmill) -> Any:
    """A job of its own over a file that a batch has listed where it lies."""
    async with httpx.AsyncClient(base_url=running.url, timeout=60) as api:
        batch = (await ok(await api.get("/api/v2/batches", params={"page_size": 1})))["items"][0]
        items = await all_items(api, f"/api/docmill/v1/batches/{batch['id']}/items")
        named = next(one["item_id"] for one in items if one["path"] == "invoice-2026-014.pdf")
        body = {"file_input": named, "configuration": PARAMETERS["extract"]}
        job = await ok(await api.post("/api/v2/extract", json=body))
        while job["status"] in ("PENDING", "RUNNING"):
            job = await ok(await api.get(f"/api/v2/extract/{job['id']}"))
        assert job["file_input"] == named
        return job["extract_result"]


async def _job(api: httpx.AsyncClient, job: str, job_id: str) -> Any:
    expand = {"expand": "markdown"} if job == "parse" else {}
    found = await ok(await api.get(f"/api/v2/{job}/{job_id}", params=expand))
    if job == "parse":
        return found["markdown"] and [p["markdown"] for p in found["markdown"]["pages"]]
    return found["extract_result" if job == "extract" else "result"]


def _by_api(running: RunningDocmill, sdks: tuple[Sdk, Sdk], job: str, folder: Path) -> Results:
    """By the official clients: v2, and v1 for what v2 batches cannot do."""
    latest, v1 = sdks
    if job == "classify":
        answer = v1.run("v1_classify.py", running.url, str(folder), json.dumps(RULES))
        ended = answer["job"]
        assert (ended["job_type"], ended["status"], ended["failed_items"]) == (job, "completed", 1)
        assert answer["history"][0]["job_type"] == job
        return {name: one["result"] for name, one in answer["files"].items()}
    asked = {"product_type": f"{job}_v2", **PARAMETERS[job], **NO_CACHE}
    if job == "parse":
        asked["version"] = "latest"
    answer = latest.run("v2_jobs.py", running.url, str(folder), json.dumps(asked))
    assert answer["sync"] == answer["async"]
    return {name: one["result"] for name, one in answer["sync"].items()}


@pytest.mark.parametrize("job", PARAMETERS)
async def test_api_command_and_temporal_client_give_the_same_results(
    job: str, running: RunningDocmill, sdks: tuple[Sdk, Sdk], papers: Path, tmp_path: Path
) -> None:
    by_api = _by_api(running, sdks, job, papers)
    by_command = _by_command(running, job, papers, tmp_path)
    by_temporal = await _by_temporal(running, job, papers)

    assert by_command == by_api == by_temporal
    assert by_command["broken-upload.pdf"] is None
    invoice = by_command["invoice-2026-014.pdf"]
    if job == "classify":
        assert invoice["type"] == "invoice"
        assert by_command["service-contract.docx"]["type"] == "contract"
    if job == "extract":
        assert await _one_of_a_folder(running) == invoice
        assert (invoice["total"], invoice["date"]) == (12377.0, "2026-03-03")
        assert [item["quantity"] for item in invoice["items"]] == [4, 2, 6, 6]
