"""Steps shared by API tests, over HTTP only."""

import asyncio
from typing import Any

import httpx

DIRECTORIES = "/api/v1/beta/directories"
FILES = "/api/v1/beta/files"
LIVE_BATCHES = "/api/docmill/v1/batches"
ENDED = ("COMPLETED", "FAILED", "CANCELLED")


async def ok(answer: httpx.Response, status: int = 200) -> Any:
    """Return the body of an answer with the expected status."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:1000]}"
    return answer.json() if answer.content else None


async def make_directory(api: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """Create a directory."""
    found: dict[str, Any] = await ok(
        await api.post(DIRECTORIES, json={"name": "papers", **fields}), 201
    )
    return found


async def upload(
    api: httpx.AsyncClient, directory_id: str, name: str, data: bytes, **fields: str
) -> dict[str, Any]:
    """Upload a file into a directory."""
    found: dict[str, Any] = await ok(
        await api.post(
            f"{DIRECTORIES}/{directory_id}/files/upload",
            files={"upload_file": (name, data)},
            data=fields,
        ),
        201,
    )
    return found


async def make_file(api: httpx.AsyncClient, name: str, data: bytes, purpose: str = "parse") -> str:
    """Upload a file that is in no directory, and return its id."""
    made = await api.post(FILES, files={"file": (name, data)}, data={"purpose": purpose})
    return str((await ok(made, 201))["id"])


async def ended(api: httpx.AsyncClient, batch_id: str, epoch: int = 1) -> dict[str, Any]:
    """Wait for the end of a batch's execution, and return the batch with its live counts."""
    async with asyncio.timeout(60):
        while True:
            shown: dict[str, Any] = await ok(await api.get(f"{LIVE_BATCHES}/{batch_id}"))
            if shown["status"] in ENDED and shown["epoch"] == epoch:
                return shown
            await asyncio.sleep(0.1)


async def all_items(api: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    """Walk a cursor list to its end; no page may be empty while there is a token."""
    items: list[dict[str, Any]] = []
    token = None
    while True:
        page = await ok(
            await api.get(path, params=query | ({"page_token": token} if token else {}))
        )
        items += page["items"]
        token = page["next_page_token"]
        if token is None:
            return items
        assert page["items"], "an empty page with a token ends the clients' loops"
