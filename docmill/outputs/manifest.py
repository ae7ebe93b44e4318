"""The manifest of a batch: one row per file, as JSON lines and as Parquet."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Self

from arro3.core import DataType, Field, Schema
from arro3.io import read_json, write_parquet
from pydantic import ConfigDict, TypeAdapter
from pydantic import Field as Alias

from docmill.contracts.warnings import ResultWarning
from docmill.objects.durable import move_into_place
from docmill.objects.results import RESULT_FILE, result_key
from docmill.objects.staging import Staging
from docmill.outputs.files import hash_of, writing_to
from docmill.outputs.names import MANIFEST_HASHES, MANIFEST_LINES, MANIFEST_TABLE
from docmill.records.items import ItemRecord, ItemRow

LEFT_OUT_KEY = "docmill.left_out"
"""The one key in the footer of ``manifest.parquet``. The writer puts several keys into random
order, but the same manifest must have the same bytes."""
_BLOCK = 1000
"""Rows of one write."""
_ROW_GROUP = 8192
_SHARED = tuple(one.name for one in fields(ItemRecord))


@dataclass(frozen=True, slots=True)
class ManifestRow(ItemRecord):
    """The outcome of one file.

    Attributes:
        status: written as ``outcome``: ``completed``, ``failed``, ``skipped`` or ``cancelled``; in
            the manifest of a failed batch also ``pending`` or ``processing``.
        output_path: of its ``result.json``: relative to the manifest, or the object key.
        output_sha256: of ``result.json``, which has the hashes of the other files.
        warnings: missing or doubtful content of the result; empty for most files.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    status: Annotated[str, Alias(alias="outcome")]
    output_path: str | None
    output_sha256: str | None
    warnings: list[ResultWarning] = field(default_factory=list)

    @classmethod
    def of(cls, item: ItemRow, output_path: str | None = None) -> Self:
        """Return the row of an item.

        Args:
            item: the row of the ledger.
            output_path: of the exported result; None means the stored object.
        """
        if item.object_prefix is None:
            output_path = None
        elif output_path is None:
            output_path = result_key(item.object_prefix, RESULT_FILE)
        return cls(
            **{name: getattr(item, name) for name in _SHARED},
            output_path=output_path,
            output_sha256=item.result_sha256,
            warnings=item.warnings,
        )


MANIFEST_ROW = TypeAdapter(ManifestRow)
"""Reads and writes rows in the format of the manifest."""


@dataclass(frozen=True, slots=True)
class ManifestSummary:
    """Summary of a written manifest.

    Attributes:
        rows: number of files.
        counts: number of files by outcome.
        sha256: of ``manifest.jsonl``.
    """

    rows: int
    counts: Mapping[str, int]
    sha256: str


_NUMBERS = frozenset({"size", "pages_total", "pages_ok", "pages_failed", "attempts"})
_TIMES = frozenset({"started_at", "finished_at"})
_REQUIRED = frozenset({"path", "size", "outcome", "partial", "attempts", "warnings"})
_WARNING = DataType.struct(
    [
        Field("code", DataType.utf8(), nullable=False),
        Field("message", DataType.utf8(), nullable=False),
        Field("page", DataType.int64()),
    ]
)


def manifest_schema() -> Schema:
    """Return the columns of ``manifest.parquet``."""

    def kind_of(name: str) -> DataType:
        if name in _NUMBERS:
            return DataType.int64()
        if name in _TIMES:
            return DataType.timestamp("us", tz="UTC")
        if name == "warnings":
            return DataType.list(Field("item", _WARNING, nullable=False))
        return DataType.bool() if name == "partial" else DataType.utf8()

    return Schema(
        [
            Field(name, kind_of(name), nullable=name not in _REQUIRED)
            for name in MANIFEST_ROW.json_schema()["properties"]
        ]
    )


async def write_manifest(
    rows: AsyncIterator[ManifestRow],
    folder: Path,
    *,
    left_out: Mapping[str, Any] | None = None,
) -> ManifestSummary:
    """Write both formats and their hashes (``sha256sum -c manifest.sha256``), each file atomically.

    Memory does not grow with the number of rows.

    Args:
        rows: all files of the listing.
        folder: of the three files.
        left_out: the files that the listing excludes, as JSON for the footer of the Parquet file.

    Raises:
        UsageError: the folder is not writable.
        UnavailableError: it cannot be written now.
    """
    footer = {LEFT_OUT_KEY: json.dumps(left_out or {}, sort_keys=True)}
    with writing_to(folder), closing(Staging(folder)) as staging:
        lines, table, hashes = staging.fresh(), staging.fresh(), staging.fresh()
        summary = await _write_lines(rows, lines)
        await asyncio.to_thread(_write_table, lines, table, footer)
        hashes.write_text(
            f"{summary.sha256}  {MANIFEST_LINES}\n{hash_of(table)}  {MANIFEST_TABLE}\n"
        )
        for staged, name in (
            (lines, MANIFEST_LINES),
            (table, MANIFEST_TABLE),
            (hashes, MANIFEST_HASHES),
        ):
            await asyncio.to_thread(move_into_place, staged, folder / name)
    return summary


async def _write_lines(rows: AsyncIterator[ManifestRow], target: Path) -> ManifestSummary:
    digest = hashlib.sha256()
    counts: Counter[str] = Counter()
    block: list[bytes] = []

    def write_block() -> None:
        data = b"".join(line + b"\n" for line in block)
        digest.update(data)
        file.write(data)
        block.clear()

    with target.open("xb") as file:
        async for row in rows:
            counts[row.status] += 1
            block.append(MANIFEST_ROW.dump_json(row, by_alias=True))
            if len(block) == _BLOCK:
                await asyncio.to_thread(write_block)
        await asyncio.to_thread(write_block)
    return ManifestSummary(counts.total(), dict(counts), digest.hexdigest())


def _write_table(lines: Path, target: Path, footer: dict[str, str]) -> None:
    """Convert the JSON lines to Parquet, so that both formats have the same rows."""
    batches = read_json(lines, manifest_schema(), batch_size=_BLOCK)
    write_parquet(
        batches,
        target,
        compression="zstd(3)",
        max_row_group_size=_ROW_GROUP,
        key_value_metadata=footer,
    )
