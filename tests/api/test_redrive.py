"""Docmill's additions: batches that end early, and their redrive."""

import httpx

from tests.api.steps import ended, make_directory, ok, upload

V1 = "/api/v1/beta/batch-processing"
V2 = "/api/v2/batches"
DOCMILL = "/api/docmill/v1/batches"
PRESET = {"job": {"type": "parse_v2", "configuration_id": "cfg-PARSE_FAST"}}
ENDED = ("COMPLETED", "FAILED", "CANCELLED")


async def _directory(api: httpx.AsyncClient, mark: str) -> str:
    directory = await make_directory(api, name=mark)
    await upload(api, directory["id"], "good.txt", f"Text of {mark}.".encode())
    await upload(api, directory["id"], "bad.pdf", b"%PDF-1.7\nno document " + mark.encode())
    return str(directory["id"])


async def test_batch_redriven_over_http_lists_its_attempts(
    live: httpx.AsyncClient,
) -> None:
    body = {"source_directory_id": await _directory(live, "redriven"), "config": PRESET}
    path = f"{DOCMILL}/{(await ok(await live.post(V2, json=body), 201))['id']}"
    batch_id = path.rpartition("/")[2]
    first = await ended(live, batch_id)
    assert (first["counts"]["completed"], first["counts"]["failed"]) == (1, 1)

    assert (await live.post(f"{path}/redrive", json={"only": "tired"})).status_code == 422
    assert (await live.post(f"{path}/redrive", json={"only": "timeout"})).status_code == 409
    unknown = {"configuration_id": "cfg-none"}
    assert (await live.post(f"{path}/redrive", json=unknown)).status_code == 404
    asked = {"only": "corrupt", "configuration_id": "cfg-PARSE_COST_EFFECTIVE"}
    begun = await ok(await live.post(f"{path}/redrive", json=asked))
    assert (begun["epoch"], begun["redrive_only"]) == (2, "corrupt")
    second = await ended(live, batch_id, epoch=2)
    assert (second["counts"]["completed"], second["counts"]["failed"]) == (1, 1)

    (attempt,) = await ok(await live.get(f"{path}/attempts"))
    assert (attempt["epoch"], attempt["status"], attempt["tally"]["failed"]) == (1, "COMPLETED", 1)
    assert attempt["parameters"]["tier"] == "fast"
    items = (await ok(await live.get(f"{path}/items", params={"status": "failed"})))["items"]
    (past,) = await ok(await live.get(f"{path}/items/{items[0]['item_id']}/attempts"))
    assert (past["epoch"], past["failure_class"]) == (1, "corrupt")


async def test_failure_threshold_of_either_contract_fails_the_batch(
    live: httpx.AsyncClient,
) -> None:
    directory = await _directory(live, "strict")
    v2 = {"source_directory_id": directory, "config": PRESET, "max_failures": 0}
    v1 = {"directory_id": directory, "job_config": {}, "max_failures": 0, "max_failure_rate": 0.5}
    for path, body in ((V2, v2), (V1, v1)):
        batch = await ok(await live.post(path, json=body), 201)
        shown = await ended(live, batch["id"])
        assert (shown["status"], shown["reason"]) == ("FAILED", "more than 0 files failed")
        assert sum(shown["counts"].values()) == shown["total"]
    assert (await live.post(V2, json=v2 | {"max_failure_rate": 1.5})).status_code == 422


async def test_cancel_accepts_drain(live: httpx.AsyncClient) -> None:
    body = {"source_directory_id": await _directory(live, "drained"), "config": PRESET}
    batch = await ok(await live.post(V2, json=body), 201)
    path = f"{DOCMILL}/{batch['id']}"
    answer = await live.post(f"{path}/cancel", json={"reason": "enough", "drain": True})
    if answer.status_code == 409:  # it was quicker
        return
    shown = await ok(answer)
    assert (shown["drain"], shown["reason"]) == (True, "enough")
    assert (await ended(live, batch["id"]))["counts"]["processing"] == 0
