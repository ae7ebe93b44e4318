"""What an engine made becomes a stored result, and under which key it is found again."""

import asyncio
import hashlib
from pathlib import Path

from docmill.engines.base import EngineReport
from docmill.errors import FailureClass, ItemFailure
from docmill.objects import ObjectStore
from docmill.objects.results import (
    MARKDOWN_FILE,
    RESULT_FILE,
    named_files,
    result_key,
    result_prefix,
)
from docmill.parameters import cache_key
from docmill.records.ledger import ClaimedItem, NewResult


def prefix_of(item: ClaimedItem) -> str:
    """Return where this attempt at an item stores its result."""
    return result_prefix(item.project_id, item.batch_id, item.position, item.epoch, item.attempt)


def item_cache_key(item: ClaimedItem, sha256: str, suite_version: str) -> str:
    """Return the key of this item's result; a job that wants no cache has one of its own."""
    key = cache_key(item.job_type, sha256, item.parameters_hash, suite_version)
    if item.parameters.get("disable_cache"):
        return hashlib.sha256(f"{key}\n{item.job_id}\n{item.epoch}".encode()).hexdigest()
    return key


async def store_result(
    store: ObjectStore, prefix: str, key: str, report: EngineReport, output: Path
) -> NewResult:
    """Put the engine's files into the store, and describe them.

    Args:
        store: where to.
        prefix: of this attempt; see `docmill.objects.results.result_prefix`.
        key: the result's cache key.
        report: what the engine says that it left.
        output: where.

    Raises:
        ItemFailure: ENGINE_ERROR, a file has a name that no file of a result can have, or the
            result does not name it.
        UnavailableError: the store is away or full; some of the files may be stored.
    """
    result_file = output / RESULT_FILE
    sha256, size = await asyncio.to_thread(_hash, result_file)
    files = {result_key(prefix, name): output / name for name in report.files}
    if others := {*report.files} - {RESULT_FILE, MARKDOWN_FILE}:
        await asyncio.to_thread(_check_names, result_file, others)
        # Whoever cleans up after a crash finds the other names in it: so it is there first.
        key_of_result = result_key(prefix, RESULT_FILE)
        await store.put_file(key_of_result, files.pop(key_of_result))
    await store.put_files(files)
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
        warnings=[one.model_dump(mode="json") for one in report.warnings] or None,
    )


def _check_names(result_file: Path, names: set[str]) -> None:
    try:
        named = named_files(result_file.read_bytes())
    except ValueError:
        named = {}
    unnamed = sorted(names - named.keys())
    if unnamed or len({*map(str.lower, named)}) < len(named):
        raise ItemFailure(
            FailureClass.ENGINE_ERROR,
            f"The engine left files that its result does not name, or not plainly: {unnamed[:3]}.",
        )


def _hash(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
