"""Storage of results, and their cache keys."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from docmill.contracts.words import Outcome
from docmill.engines.base import EngineReport
from docmill.errors import FailureClass, ItemFailure
from docmill.objects.base import ObjectStore
from docmill.objects.results import (
    MARKDOWN_FILE,
    RESULT_FILE,
    delete_result,
    named_files,
    result_key,
    result_prefix,
)
from docmill.parameters import cache_key
from docmill.records.ledger import ClaimedItem, NewResult, Settlement

_FEW = 4
"""Results in memory that are hashed without a thread: a millisecond for the largest ones."""


def prefix_of(item: ClaimedItem) -> str:
    """Return the prefix under which this attempt stores its result."""
    return result_prefix(item.project_id, item.batch_id, item.position, item.epoch, item.attempt)


def item_cache_key(item: ClaimedItem, sha256: str, suite_version: str) -> str:
    """Return the cache key of this item's result, which is unique if the job disables the cache."""
    key = cache_key(item.job_type, sha256, item.parameters_hash, suite_version)
    if item.parameters.get("disable_cache"):
        return hashlib.sha256(f"{key}\n{item.job_id}\n{item.epoch}".encode()).hexdigest()
    return key


@dataclass(frozen=True, slots=True)
class Output:
    """Output of an engine for one document.

    Attributes:
        prefix: prefix of this attempt; see `docmill.objects.results.result_prefix`.
        cache_key: cache key of the result.
        report: report of the engine.
        folder: folder with the files that are not in the report.
    """

    prefix: str
    cache_key: str
    report: EngineReport
    folder: Path

    @property
    def is_in_memory(self) -> bool:
        """Whether no file has to be read."""
        return bool(self.report.contents)

    def file(self, name: str) -> Path | bytes:
        """Return the path of a file, or its bytes if they are in memory."""
        return self.report.contents.get(name, self.folder / name)

    @property
    def others(self) -> set[str]:
        """Files other than those of every result."""
        return {*self.report.files} - {RESULT_FILE, MARKDOWN_FILE}


async def store_result(
    store: ObjectStore, prefix: str, key: str, report: EngineReport, output: Path
) -> NewResult:
    """Upload the engine's files, and describe the result.

    Args:
        store: the object store.
        prefix: prefix of this attempt; see `docmill.objects.results.result_prefix`.
        key: cache key of the result.
        report: report of the engine.
        output: folder with the files that are not in the report.

    Raises:
        ItemFailure: ENGINE_ERROR, when there is no result, or a file has an invalid name, or the
            result does not name it.
        UnavailableError: the store is unavailable or full; some files may be stored.
    """
    (result,) = await store_results(store, [Output(prefix, key, report, output)])
    if isinstance(result, ItemFailure):
        raise result
    return result


async def store_results(
    store: ObjectStore, outputs: Sequence[Output]
) -> Sequence[NewResult | ItemFailure]:
    """Store the outputs of several documents durably; see `store_result`.

    Returns:
        For each output its result, or the failure.

    Raises:
        UnavailableError: the store is unavailable or full; some files may be stored.
    """
    if all(output.is_in_memory for output in outputs) and len(outputs) <= _FEW:
        results = [_described(output) for output in outputs]  # a thread would cost more
    else:
        results = await asyncio.to_thread(lambda: [_described(output) for output in outputs])
    first: dict[str, Path | bytes] = {}
    files: dict[str, Path | bytes] = {}
    for output, result in zip(outputs, results, strict=True):
        if isinstance(result, ItemFailure):
            continue
        own = {result_key(output.prefix, name): output.file(name) for name in output.report.files}
        if output.others:
            # The cleanup after a crash reads the other names from it, so it is stored first.
            key_of_result = result_key(output.prefix, RESULT_FILE)
            first[key_of_result] = own.pop(key_of_result)
        files |= own
    for some in filter(None, (first, files)):
        await store.put_files(some)
    return results


def completed(
    item: ClaimedItem, sha256: str, report: EngineReport, result: NewResult
) -> Settlement:
    """Return the settlement of an item whose result is stored."""
    return Settlement(
        outcome=Outcome.COMPLETED,
        sha256=sha256,
        result=result,
        partial=report.partial,
        pages_total=report.pages_total,
        pages_ok=report.pages_ok,
        pages_failed=report.pages_failed,
        engine=report.engine,
        engine_version=report.engine_version,
        cleaned_attempts=item.attempt,
    )


async def delete_unreferenced(store: ObjectStore, item: ClaimedItem, after: int) -> None:
    """Delete objects of earlier attempts at ``item`` that no result references.

    Those attempts can record nothing more, because this claim holds the item.

    Args:
        store: the object store.
        item: the claimed item.
        after: attempts up to this one left nothing.
    """
    for number in range(after + 1, item.attempt):
        place = (item.project_id, item.batch_id, item.position, item.epoch, number)
        await delete_result(store, result_prefix(*place))


def _described(output: Output) -> NewResult | ItemFailure:
    report, result_file = output.report, output.file(RESULT_FILE)
    if RESULT_FILE not in report.files:
        return ItemFailure(FailureClass.ENGINE_ERROR, "The engine wrote no result.")
    if output.others:
        try:
            _check_names(result_file, output.others)
        except ItemFailure as failure:
            return failure
    sha256, size = _hash(result_file)
    return NewResult(
        cache_key=output.cache_key,
        object_prefix=output.prefix,
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


def _check_names(result_file: Path | bytes, names: set[str]) -> None:
    try:
        named = named_files(
            result_file if isinstance(result_file, bytes) else result_file.read_bytes()
        )
    except ValueError:
        named = {}
    unnamed = sorted(names - named.keys())
    if unnamed or len({*map(str.lower, named)}) < len(named):
        raise ItemFailure(
            FailureClass.ENGINE_ERROR,
            f"The engine wrote files with invalid names, or unnamed in its result: {unnamed[:3]}.",
        )


def _hash(path: Path | bytes) -> tuple[str, int]:
    if isinstance(path, bytes):
        return hashlib.sha256(path).hexdigest(), len(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
