"""Answers of the server while its database is unavailable, and its state afterwards."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.steps import DIRECTORIES, all_items, make_directory, ok, upload
from tests.fixtures.api import ApiServer
from tests.fixtures.mill import until

pytestmark = pytest.mark.integration

FILES = "/api/v1/beta/files"
BATCHES = "/api/v2/batches"
PARSE = "/api/v2/parse"
CONFIGURATIONS = "/api/v1/beta/configurations"
FAST = {"tier": "fast", "version": "latest"}


async def _everything(api: httpx.AsyncClient) -> dict[str, list[str]]:
    """The ids of all objects of the project, newest first."""
    lists = [DIRECTORIES, FILES, BATCHES, PARSE, CONFIGURATIONS]
    return {path: [one["id"] for one in await all_items(api, path)] for path in lists}


async def _creates(api: httpx.AsyncClient, directory_id: str) -> list[httpx.Response]:
    """Try to make one object of every kind."""
    job = {"type": "parse_v2", "configuration_id": "cfg-PARSE_FAST"}
    parameters = {"product_type": "parse_v2", **FAST}
    entries = f"{DIRECTORIES}/{directory_id}/files"
    return [
        await api.post(DIRECTORIES, json={"name": "lost"}),
        await api.post(f"{entries}/upload", files={"upload_file": ("lost.txt", b"lost")}),
        await api.post(FILES, files={"file": ("lost.txt", b"lost")}, data={"purpose": "parse"}),
        await api.post(BATCHES, json={"source_directory_id": directory_id, "config": {"job": job}}),
        await api.post(CONFIGURATIONS, json={"name": "lost", "parameters": parameters}),
        await api.post(PARSE, json={"source_url": "https://files.example.com/a.pdf", **FAST}),
    ]


async def test_unavailable_database_returns_503_and_leaves_no_partial_write(
    tmp_path: Path, own_postgres: Any
) -> None:
    url = own_postgres.get_uri()
    with ApiServer(tmp_path / "home", DOCMILL_DATABASE_URL=url) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as api:
            directory = await make_directory(api)
            await upload(api, directory["id"], "kept.txt", b"kept")
            before = await _everything(api)

            own_postgres.stop()
            refused = await _creates(api, directory["id"])
            refused += [await api.get(DIRECTORIES), await api.get(f"{BATCHES}/bat-1")]
            for answer in refused:
                assert answer.status_code == 503, f"{answer.request.url.path}: {answer.text}"
                assert 0 < float(answer.headers["retry-after"]) <= 60
                assert str(own_postgres.pgdata) not in answer.text
            ready = await api.get("/readyz")
            assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "away")
            assert (await ok(await api.get("/healthz")))["status"] == "ok"

            own_postgres.ensure_postgres_running()

            async def back() -> bool:
                return bool((await api.get("/readyz")).json()["checks"]["database"] == "ok")

            await until(back)
            assert await _everything(api) == before
            made = await _creates(api, directory["id"])
            assert [answer.status_code for answer in made] == [201, 201, 201, 201, 201, 200]
    assert "api.unexpected" not in server.log.read_text()
