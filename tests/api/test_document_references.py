"""An id references the same document for every product and for batches."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.steps import DIRECTORIES, all_items, make_directory, ok, upload
from tests.fixtures.api import ApiServer

FILES = "/api/v1/beta/files"
V1 = "/api/v1/beta/batch-processing"
SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}}
RULES = [{"type": "note", "description": "A short note of any kind."}]
PRODUCTS = ("parse", "classify", "extract")


def _body(product: str, named: str) -> dict[str, Any]:
    bodies: dict[str, dict[str, Any]] = {
        "parse": {"file_id": named, "tier": "fast", "version": "latest"},
        "classify": {"file_input": named, "configuration": {"rules": RULES}},
        "extract": {
            "file_input": named,
            "configuration": {"data_schema": SCHEMA, "engine": "basic"},
        },
    }
    return bodies[product]


async def _answers(api: httpx.AsyncClient, named: str, batch: str | None = None) -> set[int]:
    """The status codes with which products and a batch take a reference."""
    answers = [
        await api.post(f"/api/v2/{product}", json=_body(product, named)) for product in PRODUCTS
    ]
    codes = {answer.status_code for answer in answers}
    if batch is not None:
        listed = await api.post(V1, json={"item_ids": [batch], "job_config": {}})
        codes.add(200 if listed.status_code == 201 else listed.status_code)
    return codes


async def _attached(api: httpx.AsyncClient, name: str) -> tuple[str, str, str]:
    """An uploaded file, a directory, and the entry that lists the file there."""
    answer = await api.post(FILES, files={"file": (name, name.encode())}, data={"purpose": "parse"})
    file_id = (await ok(answer, 201))["id"]
    directory = (await make_directory(api))["id"]
    path = f"{DIRECTORIES}/{directory}/files"
    entry = (await ok(await api.post(path, json={"file_id": file_id}), 201))["id"]
    return file_id, directory, entry


async def test_document_reference_accepts_a_file_or_a_directory_file(
    api: httpx.AsyncClient,
) -> None:
    file_id, _, entry = await _attached(api, "alike.txt")
    assert await _answers(api, file_id) == {200}
    assert await _answers(api, entry, entry) == {200}


async def test_directory_entry_keeps_its_bytes_when_its_file_is_deleted(
    api: httpx.AsyncClient,
) -> None:
    file_id, directory, entry = await _attached(api, "kept.txt")
    await ok(await api.delete(f"{FILES}/{file_id}"), 204)
    assert await _answers(api, entry, entry) == {200}
    assert await _answers(api, file_id) == {404}
    shown = await ok(await api.get(f"{DIRECTORIES}/{directory}/files/{entry}?expand=download_url"))
    link = shown["download_url"]["url"]
    assert httpx.get(link).content == b"kept.txt"
    other = (await make_directory(api))["id"]
    await ok(await api.post(f"{DIRECTORIES}/{other}/files", json={"file_id": entry}), 201)
    await ok(await api.delete(f"{DIRECTORIES}/{directory}/files/{entry}"), 204)
    assert httpx.get(link).status_code == 404


async def test_entry_of_a_local_folder_is_accepted(
    api: httpx.AsyncClient, api_server: ApiServer
) -> None:
    folder = Path(api_server.environment["DOCMILL_SOURCE_ROOTS"]) / "referenced"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    asked = {"name": "local", "source": {"folder": str(folder)}}
    made = await ok(await api.post("/api/docmill/v1/directories", json=asked), 201)
    (row,) = await all_items(api, f"{DIRECTORIES}/{made['id']}/files")
    assert await _answers(api, row["id"], row["id"]) == {200}
    other = (await make_directory(api))["id"]
    answer = await api.post(f"{DIRECTORIES}/{other}/files", json={"file_id": row["id"]})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "file_id"]


@pytest.mark.parametrize("how", ["entry", "directory"])
async def test_file_that_no_directory_lists_returns_404(api: httpx.AsyncClient, how: str) -> None:
    _, directory, entry = await _attached(api, f"gone with its {how}.txt")
    gone = f"{DIRECTORIES}/{directory}" + (f"/files/{entry}" if how == "entry" else "")
    await ok(await api.delete(gone), 204)
    assert await _answers(api, entry, entry) == {404}


async def test_directory_file_reference_means_its_current_version(api: httpx.AsyncClient) -> None:
    directory = (await make_directory(api))["id"]
    entry = (await upload(api, directory, "a.txt", b"one"))["id"]
    retry = {"x-stainless-retry-count": "1"}
    first = await ok(await api.post("/api/v2/parse", json=_body("parse", entry)))
    await upload(api, directory, "a.txt", b"two")
    second = await ok(await api.post("/api/v2/parse", json=_body("parse", entry), headers=retry))
    assert second["id"] != first["id"]


async def test_parse_job_as_input_works_after_its_file_was_deleted(
    api: httpx.AsyncClient,
) -> None:
    file_id, _, entry = await _attached(api, "read.txt")
    for named in (file_id, entry):
        job = await ok(await api.post("/api/v2/parse", json=_body("parse", named)))
        if named == file_id:
            await ok(await api.delete(f"{FILES}/{file_id}"), 204)
        answer = await api.post("/api/v2/classify", json=_body("classify", job["id"]))
        assert answer.status_code == 200, answer.text
        assert answer.json()["file_input"] == job["id"]
