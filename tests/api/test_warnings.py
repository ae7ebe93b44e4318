"""Warnings over HTTP: in items of both contracts, in jobs, in live batches; strictness."""

from typing import Any

import httpx

from tests.api.steps import ended, make_directory, ok, upload

V1 = "/api/v1/beta/batch-processing"
V2 = "/api/v2/batches"
DOCMILL = "/api/docmill/v1/batches"
PRESET = {"job": {"type": "parse_v2", "configuration_id": "cfg-PARSE_FAST"}}


async def _directory(api: httpx.AsyncClient, mark: str) -> str:
    directory = await make_directory(api, name=mark)
    html = f"<html><!-- {mark} --><body></body></html>"
    await upload(api, directory["id"], "empty.html", html.encode())
    await upload(api, directory["id"], "full.txt", f"Text of {mark}.".encode())
    return str(directory["id"])


def _codes(one: dict[str, Any]) -> list[str]:
    return [warning["code"] for warning in one["warnings"]]


async def test_items_and_jobs_show_the_warnings_of_their_results(live: httpx.AsyncClient) -> None:
    directory = await _directory(live, "lacking")
    body = {"source_directory_id": directory, "config": PRESET}
    batch = await ok(await live.post(V2, json=body), 201)
    shown = await ended(live, batch["id"])
    results = (await ok(await live.get(f"{V2}/{batch['id']}", params={"expand": "results"})))[
        "results"
    ]
    job_ids = [one["job_reference"]["id"] for one in results]
    jobs = [await ok(await live.get(f"/api/v2/parse/{job_id}")) for job_id in job_ids]
    items = (await ok(await live.get(f"{DOCMILL}/{batch['id']}/items")))["items"]

    assert (shown["files_with_warnings"], shown["warnings"]) == (1, {"no_text": 1})
    assert [_codes(one) for one in results] == [["no_text"], []]
    assert [_codes(one["job"]) for one in jobs] == [["no_text"], []]
    assert [_codes(one) for one in items] == [["no_text"], []]
    assert set(results[0]["warnings"][0]) == {"code", "message", "page"}


async def test_v1_items_have_warnings_also_for_a_reused_result(
    live: httpx.AsyncClient,
) -> None:
    directory = await _directory(live, "again")
    for _ in range(2):
        body = {"directory_id": directory, "job_config": {}}
        batch = await ok(await live.post(V1, json=body), 201)
        await ended(live, batch["id"])
        items = (await ok(await live.get(f"{V1}/{batch['id']}/items")))["items"]
        assert {one["item_name"]: _codes(one) for one in items} == {
            "empty.html": ["no_text"],
            "full.txt": [],
        }


async def test_strict_batch_fails_items_that_lack_content(live: httpx.AsyncClient) -> None:
    directory = await _directory(live, "strict about it")
    v2 = {"source_directory_id": directory, "config": PRESET, "strict": ["no_text"]}
    v1 = {"directory_id": directory, "job_config": {}, "strict": ["loss"]}
    for path, body in ((V2, v2), (V1, v1)):
        batch = await ok(await live.post(path, json=body), 201)
        shown = await ended(live, batch["id"])
        assert (shown["counts"]["failed"], shown["files_with_warnings"]) == (1, 0)
        query = {"status": "failed"}
        (item,) = (await ok(await live.get(f"{DOCMILL}/{batch['id']}/items", params=query)))[
            "items"
        ]
        assert (item["failure_class"], _codes(item)) == ("incomplete", ["no_text"])
        refused = await live.post(path, json=body | {"strict": ["no_such_code"]})
        assert refused.status_code == 422
        assert refused.json()["detail"][0]["loc"] == ["body", "strict"]
