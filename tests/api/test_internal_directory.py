"""The internal directory of single jobs: no request can name, change or list it."""

from typing import Any

import httpx
import pytest

from docmill.ids import DEFAULT_PROJECT_ID, Prefix, derived_id
from docmill.records.database import Database
from docmill.records.directories import Directories
from docmill.records.directory_files import DirectoryChanges
from docmill.records.scope import EVERY_PROJECT
from docmill.records.tables.sources import DirectoryFile
from tests.api.steps import DIRECTORIES, all_items, make_directory, make_file, ok, upload
from tests.fixtures.api import ApiServer

INTERNAL = derived_id(Prefix.DIRECTORY, "jobs", DEFAULT_PROJECT_ID)
FILES = f"{DIRECTORIES}/{INTERNAL}/files"
PARSE = {"tier": "fast", "version": "latest"}
PRESET = {"job": {"type": "parse_v2", "configuration_id": "cfg-PARSE_FAST"}}


async def _single_job(api: httpx.AsyncClient, file_id: str) -> None:
    await ok(await api.post("/api/v2/parse", json={"file_id": file_id, **PARSE}))


async def _entry(api_server: ApiServer, file_id: str) -> DirectoryFile:
    """The internal entry of a single job's file, from the records."""
    database = Database(f"sqlite+aiosqlite:///{api_server.home / 'records.db'}", EVERY_PROJECT)
    try:
        async with database.write() as session:
            directory = await Directories(session).for_single_jobs(DEFAULT_PROJECT_ID)
            changes = await DirectoryChanges.lock(
                session, DEFAULT_PROJECT_ID, directory.id, internal=True
            )
            found = await changes.live_by_name(file_id)
            assert found is not None
            return found
    finally:
        await database.close()


async def test_internal_directory_returns_404_on_every_route(
    api: httpx.AsyncClient, api_server: ApiServer
) -> None:
    file_id = await make_file(api, "internal.txt", b"internal.txt")
    await _single_job(api, file_id)
    entry = f"{FILES}/{(await _entry(api_server, file_id)).id}"
    own = await make_directory(api)
    listed = await upload(api, own["id"], "own.txt", b"own")
    move = {"target_directory_id": INTERNAL}
    v1 = "/api/v1/beta/batch-processing"
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", f"{DIRECTORIES}/{INTERNAL}", {}),
        ("PATCH", f"{DIRECTORIES}/{INTERNAL}", {"json": {"name": "x"}}),
        ("DELETE", f"{DIRECTORIES}/{INTERNAL}", {}),
        ("GET", FILES, {}),
        ("POST", FILES, {"json": {"file_id": file_id}}),
        ("POST", f"{FILES}/upload", {"files": {"upload_file": ("a.txt", b"a")}}),
        ("POST", f"{FILES}/bulk-delete", {"json": {"directory_file_ids": [entry[-40:]]}}),
        ("GET", entry, {}),
        ("PATCH", entry, {"json": {"display_name": "x"}}),
        ("DELETE", entry, {}),
        ("PATCH", f"{DIRECTORIES}/{own['id']}/files/{listed['id']}", {"json": move}),
        ("POST", f"/api/docmill/v1/directories/{INTERNAL}/sync", {}),
        ("POST", "/api/v2/batches", {"json": {"source_directory_id": INTERNAL, "config": PRESET}}),
        ("POST", v1, {"json": {"directory_id": INTERNAL, "job_config": {}}}),
        ("POST", v1, {"json": {"item_ids": [entry[-40:]], "job_config": {}}}),
        ("GET", f"{v1}/items/{entry[-40:]}/processing-results", {}),
        ("POST", "/api/v2/parse", {"json": {"file_id": entry[-40:], **PARSE}}),
    ]
    for method, path, how in requests:
        answer = await api.request(method, path, **how)
        assert answer.status_code == 404, f"{method} {path}: {answer.text}"
    for query in ({}, {"include_deleted": True}):
        found = await all_items(api, DIRECTORIES, **query)
        assert INTERNAL not in {row["id"] for row in found}
    await _single_job(api, file_id)


async def test_deleted_internal_directory_is_restored_when_needed(
    database: Database,
) -> None:
    async with database.write() as session:
        directory = await Directories(session).for_single_jobs(DEFAULT_PROJECT_ID)
        directory.deleted_at = directory.created_at
    async with database.write() as session:
        again = await Directories(session).for_single_jobs(DEFAULT_PROJECT_ID)
        assert (again.id, again.deleted_at) == (INTERNAL, None)


@pytest.mark.parametrize("types", [None, ["jobs"]])
async def test_no_list_shows_the_internal_directory(
    database: Database, types: list[str] | None
) -> None:
    async with database.write() as session:
        await Directories(session).for_single_jobs(DEFAULT_PROJECT_ID)
        found = await Directories(session).list(DEFAULT_PROJECT_ID, types=types)
    assert not [row for row in found.items if row.id == INTERNAL]
