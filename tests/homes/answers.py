"""The API's answers about the records of a home: every batch, item and job, and their results."""

from typing import Any

import httpx

from tests.api.steps import all_items, ok

V1 = "/api/v1/beta/batch-processing"
V2 = "/api/v2/batches"
DOCMILL = "/api/docmill/v1/batches"
JOBS = {
    "/api/v2/parse": {"expand": ["markdown_full", "metadata"]},
    "/api/v2/classify": {"expand": ["usage"]},
    "/api/v2/extract": {"expand": ["configuration", "usage", "extract_metadata"]},
}


async def answers_of(api: httpx.AsyncClient, batch_ids: list[str]) -> dict[str, Any]:
    """Return the answers of every route that shows a batch, an item or a job.

    Args:
        api: of the home.
        batch_ids: all batches of the home; no list shows those of the command line.
    """
    return {
        "batches": {batch_id: await _batch(api, batch_id) for batch_id in batch_ids},
        "v1": await ok(await api.get(V1)),
        "v2": await all_items(api, V2, page_size=3),
        "jobs": {path: await _jobs(api, path, wanted) for path, wanted in JOBS.items()},
    }


async def _batch(api: httpx.AsyncClient, batch_id: str) -> dict[str, Any]:
    path = f"{DOCMILL}/{batch_id}"
    found: dict[str, Any] = {
        "live": await ok(await api.get(path)),
        "items": await all_items(api, f"{path}/items"),
        "failures": await ok(await api.get(f"{path}/failures")),
        "attempts": await ok(await api.get(f"{path}/attempts")),
    }
    if found["live"]["api"] == "v2" and found["live"]["status"] == "COMPLETED":
        results = await ok(await api.get(f"{V2}/{batch_id}", params={"expand": "results"}))
        found["results"] = results["results"]
    if found["live"]["api"] == "v1":
        found["v1_items"] = await ok(await api.get(f"{V1}/{batch_id}/items"))
    return found


async def _jobs(api: httpx.AsyncClient, path: str, wanted: dict[str, Any]) -> dict[str, Any]:
    listed = await all_items(api, path, page_size=4)
    return {
        "listed": listed,
        "shown": [await ok(await api.get(f"{path}/{job['id']}", params=wanted)) for job in listed],
    }
