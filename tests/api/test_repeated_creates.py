"""A repeated create returns the object whose answer may have been lost, and no other."""

import json
from typing import Any

import httpx
import pytest

from tests.api.steps import DIRECTORIES, make_directory, ok, upload

RETRY = {"x-stainless-retry-count": "1"}
BATCHES = "/api/v2/batches"
V1 = "/api/v1/beta/batch-processing"
HOOKS = "/api/v1/beta/webhook-configs"
PRESET = {"job": {"type": "parse_v2", "configuration_id": "cfg-PARSE_FAST"}}
FAST = {"tier": "fast", "version": "latest"}
RULES = {"rules": [{"type": "note", "description": "A short note of any kind."}]}


async def _file(api: httpx.AsyncClient, name: str = "a.txt", **headers: str) -> httpx.Response:
    return await api.post(
        "/api/v1/beta/files",
        files={"file": (name, b"some bytes")},
        data={"purpose": "parse"},
        headers=headers,
    )


async def _listed(api: httpx.AsyncClient) -> tuple[str, str]:
    """A directory with one file, and that file's entry."""
    directory = str((await make_directory(api))["id"])
    return directory, str((await upload(api, directory, "a.txt", b"a"))["id"])


async def _creates(api: httpx.AsyncClient) -> dict[str, tuple[str, dict[str, Any], str]]:
    """Of each kind of object: how it is made, and how it is read by its id."""
    directory, entry = await _listed(api)
    parse = {"file_id": entry, **FAST}
    classify = {"file_input": entry, "configuration": RULES}
    return {
        "directory": (DIRECTORIES, {"json": {"name": f"in {directory}"}}, DIRECTORIES),
        "webhook": (HOOKS, {"json": {"webhook_url": f"https://{directory}.example/"}}, HOOKS),
        "batch": (
            BATCHES,
            {"json": {"source_directory_id": directory, "config": PRESET}},
            BATCHES,
        ),
        "v1 over a directory": (V1, {"json": {"directory_id": directory, "job_config": {}}}, V1),
        "v1 over items": (V1, {"json": {"item_ids": [entry], "job_config": {}}}, V1),
        "parse": ("/api/v2/parse", {"json": parse}, "/api/v2/parse"),
        "classify": ("/api/v2/classify", {"json": classify}, "/api/v2/classify"),
        "file": (
            "/api/v1/beta/files",
            {"files": {"file": (directory, b"x")}, "data": {"purpose": "parse"}},
            "/api/v1/beta/files",
        ),
        "parse upload": (
            "/api/v2/parse/upload",
            {"files": {"file": (directory, b"x")}, "data": {"configuration": json.dumps(FAST)}},
            "/api/v2/parse",
        ),
    }


KINDS = (
    "directory", "webhook", "batch", "v1 over a directory", "v1 over items", "parse", "classify",
    "file", "parse upload",
)  # fmt: skip


async def _id(api: httpx.AsyncClient, path: str, how: dict[str, Any], **headers: str) -> str:
    answer = await api.post(path, **how, headers=headers)
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize("kind", KINDS)
async def test_retry_returns_an_object_that_no_request_has_read(
    api: httpx.AsyncClient, kind: str
) -> None:
    path, how, _ = (await _creates(api))[kind]
    first = await _id(api, path, how)
    assert await _id(api, path, how, **RETRY) == first
    assert await _id(api, path, how, **{"x-stainless-retry-count": "5"}) == first


@pytest.mark.parametrize("kind", KINDS)
async def test_retry_after_its_object_was_read_makes_a_new_one(
    api: httpx.AsyncClient, kind: str
) -> None:
    path, how, read = (await _creates(api))[kind]
    first = await _id(api, path, how)
    await ok(await api.get(f"{read}/{first}"))
    second = await _id(api, path, how, **RETRY)
    assert second != first
    assert await _id(api, path, how, **RETRY) == second, "nobody has named that one yet"


@pytest.mark.parametrize("kind", KINDS)
async def test_idempotency_key_alone_decides_which_create_is_repeated(
    api: httpx.AsyncClient, kind: str
) -> None:
    path, how, read = (await _creates(api))[kind]
    key = {"Idempotency-Key": f"{kind} {how}"[:255]}
    first = await _id(api, path, how, **key)
    await ok(await api.get(f"{read}/{first}"))
    assert await _id(api, path, how, **key, **RETRY) == first
    assert await _id(api, path, how) != first


@pytest.mark.parametrize("body", [False, True])
async def test_retry_does_not_return_a_directory_that_was_used(
    api: httpx.AsyncClient, body: bool
) -> None:
    made = {"json": {"name": f"used by a body: {body}"}}
    first = await _id(api, DIRECTORIES, made)
    if body:
        other, entry = await _listed(api)
        path = f"{DIRECTORIES}/{other}/files/{entry}"
        await ok(await api.patch(path, json={"target_directory_id": first}))
    else:
        await upload(api, first, "a.txt", b"a")
    assert await _id(api, DIRECTORIES, made, **RETRY) != first


async def test_retry_over_another_set_of_files_makes_a_new_batch(api: httpx.AsyncClient) -> None:
    directory, entry = await _listed(api)
    over = {"json": {"source_directory_id": directory, "config": PRESET}}
    items = {"json": {"item_ids": [entry], "job_config": {}}}
    batch, v1 = await _id(api, BATCHES, over), await _id(api, V1, items)
    await upload(api, directory, "later.txt", b"new")
    assert await _id(api, BATCHES, over, **RETRY) != batch
    assert await _id(api, V1, items, **RETRY) == v1, "its items are the same"
    await upload(api, directory, "a.txt", b"another version")
    assert await _id(api, V1, items, **RETRY) != v1


async def test_retry_after_its_configuration_changed_makes_a_new_batch(
    api: httpx.AsyncClient,
) -> None:
    directory, _ = await _listed(api)
    named = {"name": directory, "parameters": {"product_type": "parse_v2", **FAST}}
    saved = (await ok(await api.post("/api/v1/beta/configurations", json=named), 201))["id"]
    config = {"job": {"type": "parse_v2", "configuration_id": saved}}
    how = {"json": {"source_directory_id": directory, "config": config}}
    first = await _id(api, BATCHES, how)
    assert await _id(api, BATCHES, how, **RETRY) == first
    named["parameters"] = {"product_type": "parse_v2", "tier": "agentic", "version": "latest"}
    await ok(await api.post("/api/v1/beta/configurations", json=named), 201)
    assert await _id(api, BATCHES, how, **RETRY) != first


async def test_key_returns_its_batch_when_the_directory_was_deleted(
    api: httpx.AsyncClient,
) -> None:
    directory, _ = await _listed(api)
    how: dict[str, Any] = {"json": {"source_directory_id": directory, "config": PRESET}}
    key = {"Idempotency-Key": directory}
    first = await _id(api, BATCHES, how, **key)
    await ok(await api.delete(f"{DIRECTORIES}/{directory}"), 204)
    assert await _id(api, BATCHES, how, **key) == first
    assert (await api.post(BATCHES, **how, headers=RETRY)).status_code == 404


async def test_rejected_create_leaves_its_key_unused(api: httpx.AsyncClient) -> None:
    directory = str((await make_directory(api))["id"])
    how: dict[str, Any] = {"json": {"source_directory_id": directory, "config": PRESET}}
    key = {"Idempotency-Key": directory}
    assert (await api.post(BATCHES, **how, headers=key)).status_code == 422
    await upload(api, directory, "a.txt", b"a")
    assert await _id(api, BATCHES, how, **key)


async def test_repeat_after_a_delete_returns_404_with_a_key_and_creates_without(
    api: httpx.AsyncClient,
) -> None:
    for kind in ("directory", "file"):
        path, how, read = (await _creates(api))[kind]
        key = {"Idempotency-Key": f"deleted {kind} {how}"[:255]}
        keyed, retried = await _id(api, path, how, **key), await _id(api, path, how)
        for made in (keyed, retried):
            await ok(await api.delete(f"{read}/{made}"), 204)
        again = await api.post(path, **how, headers=key)
        assert again.status_code == 404, kind
        assert keyed in again.text
        new = await _id(api, path, how, **RETRY)
        assert new != retried
        await ok(await api.get(f"{read}/{new}"))


async def test_keyed_upload_into_a_directory_is_stored_once(api: httpx.AsyncClient) -> None:
    directory = str((await make_directory(api))["id"])
    path = f"{DIRECTORIES}/{directory}/files/upload"
    key = {"Idempotency-Key": directory}
    first = await _id(api, path, {"files": {"upload_file": ("a.txt", b"a")}}, **key)
    assert await _id(api, path, {"files": {"upload_file": ("a.txt", b"a")}}, **key) == first
    other = await api.post(path, files={"upload_file": ("a.txt", b"b")}, headers=key)
    assert other.status_code == 422
    await ok(await api.delete(f"{DIRECTORIES}/{directory}/files/{first}"), 204)
    again = await api.post(path, files={"upload_file": ("a.txt", b"a")}, headers=key)
    assert again.status_code == 404
    assert await _id(api, path, {"files": {"upload_file": ("a.txt", b"a")}}) != first
