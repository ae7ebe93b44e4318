"""Schemas made by a model: from a wish, from a file, from another schema; and by none."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from docmill.embedded.addresses import Addresses
from tests.api.steps import ok
from tests.fixtures.api import ApiServer
from tests.fixtures.llm import FakeLlm, prompt_of, refused, said
from tests.fixtures.openapi import OpenApi
from tests.fixtures.running import RunningDocmill

PATH = "/api/v2/extract/schema/generate"
SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}, "title": "A bill"}
CANARY = "sk-canary-2c41"


@pytest.fixture
def beside(running: RunningDocmill, llm: FakeLlm) -> Iterator[ApiServer]:
    """A second API over the running Docmill, with a model."""
    grpc = Addresses(**json.loads((running.home / "server.json").read_text())).grpc
    with ApiServer(
        running.home,
        TEMPORAL_ADDRESS=grpc,
        DOCMILL_LLM_BASE_URL=llm.url,
        DOCMILL_LLM_MODEL="m",
        DOCMILL_LLM_API_KEY=CANARY,
    ) as server:
        yield server


@pytest.fixture
async def with_model(beside: ApiServer, openapi: OpenApi) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it; what it gets is checked against the document."""
    async with httpx.AsyncClient(
        base_url=beside.url, timeout=60, event_hooks={"response": [openapi.check]}
    ) as client:
        yield client


async def test_schema_generation_without_a_model_accepts_only_a_given_schema(
    api: httpx.AsyncClient,
) -> None:
    short: dict[str, Any] = {"properties": {"total": {"type": "number"}}}

    taken = await ok(await api.post(PATH, json={"data_schema": short, "name": "bills"}))
    wish = await api.post(PATH, json={"data_schema": short, "prompt": "and the date"})
    nothing = await api.post(PATH, json={})

    assert taken["name"] == "bills"
    assert taken["parameters"] == {
        "product_type": "extract_v2",
        "data_schema": {"type": "object", **short},
    }
    assert wish.status_code == nothing.status_code == 422
    assert "DOCMILL_LLM_BASE_URL" in wish.json()["hint"]


async def test_schema_drafted_by_a_model_is_accepted_by_a_configuration(
    with_model: httpx.AsyncClient, beside: ApiServer, llm: FakeLlm, tmp_path: Path
) -> None:
    text = b"Bill of the miller of Oberau\nTotal: 12.00\n"
    made = await with_model.post(
        "/api/v1/beta/files", files={"file": ("bill.txt", text)}, data={"purpose": "extract"}
    )
    file_id = (await ok(made, 201))["id"]
    llm.script = [said({"schema": {"type": "array"}}), said({"data_schema": SCHEMA})]

    drafted = await ok(await with_model.post(PATH, json={"prompt": "totals", "file_id": file_id}))
    stored = await with_model.post("/api/v1/beta/configurations", json=drafted)

    assert (drafted["name"], drafted["parameters"]["data_schema"]) == ("A bill", SCHEMA)
    assert stored.status_code == 201
    question, repair = map(prompt_of, llm.asked)
    assert "miller of Oberau" in question
    assert "totals" in question
    assert "its root must be" in repair

    llm.script = [said(SCHEMA)]
    begun = {"data_schema": {"properties": {"payee": {"type": "string"}}}, "prompt": "more"}
    await ok(await with_model.post(PATH, json=begun))
    assert "payee" in prompt_of(llm.asked[-1])

    for script, status in (
        ([said("no"), said("no")], 422),
        ([refused(401, f"wrong key {CANARY}")], 422),
        ([refused(503)], 503),
    ):
        llm.script = script
        answer = await with_model.post(PATH, json={"prompt": "totals"})
        assert answer.status_code == status, answer.text
        assert CANARY not in answer.text
    assert CANARY not in beside.log.read_text()
    unknown = await with_model.post(PATH, json={"file_id": "dfl-none"})
    assert unknown.status_code == 404
