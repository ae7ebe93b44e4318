"""The first answer of every create is lost, and the official client retries it."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.api.steps import DIRECTORIES, all_items
from tests.fixtures.api import ApiServer
from tests.fixtures.proxies import Drop, tcp_proxy
from tests.fixtures.sdks import Sdk


@pytest.mark.parametrize("drop", [Drop.ANSWERED, Drop.RUNNING])
async def test_repeated_create_makes_one_object_under_load(
    tmp_path: Path, latest_sdk: Sdk, drop: Drop
) -> None:
    with ApiServer(tmp_path / "home") as server:
        async with tcp_proxy(server.url, drop) as (address, dropped):
            made = await asyncio.to_thread(latest_sdk.run, "storm.py", f"http://{address}")
        async with httpx.AsyncClient(base_url=server.url) as api:
            found = {
                "directory": await all_items(api, DIRECTORIES),
                "hook": await all_items(api, "/api/v2/webhook-configs"),
                "batch": await all_items(api, "/api/v2/batches"),
            }
            files = await all_items(api, "/api/v1/beta/files")
            entries = [
                entry
                for one in made
                for entry in await all_items(api, f"{DIRECTORIES}/{one['directory']}/files")
            ]
            configurations = await all_items(api, "/api/v1/beta/configurations")
    assert len(dropped) == 6 * len(made)
    for kind, rows in found.items():
        assert {row["id"] for row in rows} == {one[kind] for one in made}, kind
        assert len(rows) == len(made)
    assert len(configurations) == len(made)
    assert {entry["id"] for entry in entries} == {one["entry"] for one in made}
    assert len(entries) == len(made)
    # Each directory file and each plain file has its bytes once.
    wanted = {one["file"] for one in made} | {entry["file_id"] for entry in entries}
    assert {row["id"] for row in files} == wanted
