"""Helpers that create the records that tests start with."""

from collections.abc import Iterable
from typing import Any

from docmill.contracts.items import ItemTask, Page, PageRequest
from docmill.contracts.scans import ScannedEntry
from docmill.contracts.words import Outcome
from docmill.ids import DEFAULT_PROJECT_ID, Prefix, new_id
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.directories import Directories
from docmill.records.ledger import (
    Claim,
    ClaimedItem,
    Ledger,
    NewResult,
    ReadBytes,
    Settlement,
)
from docmill.records.pages import ListingPages
from docmill.records.results import result_id_of
from docmill.records.scans import Scans, ScanSummary
from docmill.records.tables.batches import Batch, Result
from docmill.records.tables.sources import Directory, File

PROJECT = DEFAULT_PROJECT_ID


def entry(name: str, signature: str = "1") -> ScannedEntry:
    return ScannedEntry(name, name, name.encode(), size=len(name), signature=signature)


def names(count: int) -> list[str]:
    return [f"{number:06}.pdf" for number in range(count)]


async def source_directory(database: Database, folder: str = "/in") -> Directory:
    async with database.write() as session:
        return await Directories(session).find_or_create_source(PROJECT, "in", {"folder": folder})


async def scan(
    database: Database, directory: Directory, entries: Iterable[ScannedEntry], chunk: int = 1000
) -> ScanSummary:
    found = list(entries)
    async with database.write() as session:
        scan_id = await Scans(session).begin(directory.id)
    for start in range(0, len(found), chunk):
        async with database.write() as session:
            await Scans(session).add(directory.id, scan_id, found[start : start + chunk])
    async with database.write() as session:
        return await Scans(session).publish(directory.id, scan_id)


async def scanned(database: Database, count: int, folder: str = "/in") -> Directory:
    """A directory with ``count`` entries."""
    directory = await source_directory(database, folder)
    await scan(database, directory, map(entry, names(count)))
    return await fresh(database, directory)


async def fresh(database: Database, directory: Directory) -> Directory:
    async with database.read() as session:
        return await Directories(session).get(PROJECT, directory.id)


def batch_row(directory: Directory | None = None, **fields: Any) -> Batch:
    defaults: dict[str, Any] = {
        "id": new_id(Prefix.BATCH),
        "project_id": PROJECT,
        "job_type": "parse",
        "directory_id": directory.id if directory else None,
        "watermark": directory.watermark if directory else None,
        "total": directory.live_count if directory else 0,
        "parameters": {},
        "parameters_hash": "p",
        "page_size": 100,
        "continue_as_new_threshold": 1000,
        "concurrency": 10,
    }
    return Batch(**defaults | fields)


async def batch_over(database: Database, directory: Directory, **fields: Any) -> Batch:
    async with database.write() as session:
        return (await Batches(session).create(batch_row(directory, **fields)))[0]


def key_of(sha256: str, path: str = "") -> str:
    return f"key:{sha256}"


async def page(
    database: Database, batch: Batch, after: int = 0, limit: int = 100, **fields: Any
) -> Page:
    request = PageRequest(
        batch_id=batch.id, **{"epoch": batch.epoch} | fields, after=after, limit=limit
    )
    async with database.write() as session:
        return await ListingPages(session).next_page(batch, request, key_of)


async def claim_any(
    database: Database,
    batch: Batch,
    position: int,
    worker: str = "worker",
    read: ReadBytes | None = None,
    **fields: int,
) -> Claim:
    task = ItemTask(batch_id=batch.id, **{"epoch": 1} | fields, position=position)
    async with database.write() as session:
        return (await Ledger(session).claim([(task, read)], worker))[position]


async def claim(
    database: Database, batch: Batch, position: int, worker: str = "worker"
) -> ClaimedItem:
    item = await claim_any(database, batch, position, worker)
    assert isinstance(item, ClaimedItem)
    return item


async def settle(database: Database, item: ClaimedItem, settlement: Settlement) -> bool:
    async with database.write() as session:
        settled = await Ledger(session).settle([(item, settlement)])
    return item.position in settled.positions


async def result_of(database: Database, sha256: str) -> Result | None:
    """The stored result of these bytes."""
    async with database.read() as session:
        return await session.get(Result, result_id_of(PROJECT, key_of(sha256)))


def new_result(sha256: str) -> NewResult:
    return NewResult(
        cache_key=key_of(sha256),
        object_prefix=f"results/{sha256}",
        result_sha256=f"hash of {sha256}",
        size=7,
        engine="liteparse",
        engine_version="2.18.0",
        media_type="application/pdf",
        pages_total=3,
        pages_ok=2,
        pages_failed=1,
        partial=True,
    )


def completed(sha256: str) -> Settlement:
    return Settlement(
        outcome=Outcome.COMPLETED,
        sha256=sha256,
        result=new_result(sha256),
        partial=True,
        pages_total=3,
        pages_ok=2,
        pages_failed=1,
        engine="liteparse",
        engine_version="2.18.0",
    )


def failed(failure_class: str = "corrupt", message: str = "It is damaged.") -> Settlement:
    return Settlement(
        outcome=Outcome.FAILED,
        failure_class=failure_class,
        failure_message=message,
        failure_phase="engine",
    )


async def complete(database: Database, batch: Batch, position: int, sha256: str) -> ClaimedItem:
    item = await claim(database, batch, position)
    assert await settle(database, item, completed(sha256))
    return item


def file_row(name: str = "a.pdf", sha256: str = "s", **fields: Any) -> File:
    defaults: dict[str, Any] = {
        "id": new_id(Prefix.FILE),
        "project_id": PROJECT,
        "name": name,
        "size": 3,
        "sha256": sha256,
        "object_key": f"uploads/{name}",
    }
    return File(**defaults | fields)
