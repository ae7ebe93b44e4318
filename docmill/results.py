"""Where a result lies, and under which key it is found again."""

import asyncio
import hashlib
from pathlib import Path

from docmill.engines.base import EngineReport
from docmill.objects import ObjectStore
from docmill.parameters import cache_key
from docmill.records.ledger import ClaimedItem, NewResult

RESULT_FILE = "result.json"
"""The whole result; it names the hashes of the files beside it."""


def item_cache_key(item: ClaimedItem, sha256: str, suite_version: str) -> str:
    """Return the key of this item's result; a job that wants no cache has one of its own."""
    key = cache_key(item.job_type, sha256, item.parameters_hash, suite_version)
    if item.parameters.get("disable_cache"):
        return hashlib.sha256(f"{key}\n{item.job_id}\n{item.epoch}".encode()).hexdigest()
    return key


def attempts_prefix(project_id: str, job_id: str, epoch: int) -> str:
    """Return where all attempts of one run of an item write."""
    return f"results/{project_id}/{job_id}/{epoch}"


def result_prefix(item: ClaimedItem) -> str:
    """Return where this attempt writes: its own place, so that a late one overwrites nothing."""
    return f"{attempts_prefix(item.project_id, item.job_id, item.epoch)}/{item.attempt}"


async def store_result(
    store: ObjectStore, prefix: str, key: str, report: EngineReport, output: Path
) -> NewResult:
    """Put the engine's files into the store, `RESULT_FILE` last, and describe them."""
    result_file = output / RESULT_FILE
    sha256, size = await asyncio.to_thread(_hash, result_file)
    for name in sorted(report.files, key=lambda name: name == RESULT_FILE):
        await store.put_file(f"{prefix}/{name}", output / name)
    return NewResult(
        cache_key=key,
        object_prefix=prefix,
        result_sha256=sha256,
        size=size,
        engine=report.engine,
        engine_version=report.engine_version,
        media_type=report.media_type,
        pages_total=report.pages_total,
        pages_ok=report.pages_ok,
        pages_failed=report.pages_failed,
        partial=report.partial,
        usage=report.usage or None,
    )


def _hash(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
