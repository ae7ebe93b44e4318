"""The manifest of a batch: one row per file, as JSON lines and as Parquet."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, fields
from operator import attrgetter
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
_ROW_GROUP = 4096
_shared = attrgetter(*(one.name for one in fields(ItemRecord)))


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
        values = *_shared(item), output_path, item.result_sha256, item.warnings
        return cls(*values)


MANIFEST_ROW = TypeAdapter(ManifestRow)
"""Reads and writes rows in the format of the manifest."""
_to_json = MANIFEST_ROW.serializer.to_json


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
_UNIQUE = _TIMES | {"path", "sha256", "output_path", "output_sha256"}
"""Columns that a dictionary would make larger, in the file and in memory."""
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


class ManifestLines:
    """The JSON lines of a manifest, written while its rows become known.

    Memory does not grow with the number of rows. The methods block: call them in a thread.

    Attributes:
        path: of the file, which is incomplete until `complete` moves it.
    """

    def __init__(self, path: Path) -> None:
        """Create the file ``path``, which must not exist."""
        self.path = path
        self._file = path.open("xb")
        self._digest = hashlib.sha256()
        self._counts: Counter[str] = Counter()

    def add(self, rows: Sequence[ManifestRow]) -> None:
        """Append rows."""
        self._counts.update([row.status for row in rows])
        data = b"".join([_to_json(row, by_alias=True) + b"\n" for row in rows])
        self._digest.update(data)
        self._file.write(data)

    def complete(self, folder: Path, left_out: Mapping[str, Any] | None) -> ManifestSummary:
        """Put lines, table and hashes in place, each file atomically.

        Args:
            folder: of the three files, on the file system of the lines.
            left_out: as for `write_manifest`.
        """
        self._file.close()
        footer = {LEFT_OUT_KEY: json.dumps(left_out or {}, sort_keys=True)}
        table, hashes = (self.path.with_suffix(suffix) for suffix in (".parquet", ".sha256"))
        _write_table(self.path, table, footer)
        sha256 = self._digest.hexdigest()
        hashes.write_text(f"{sha256}  {MANIFEST_LINES}\n{hash_of(table)}  {MANIFEST_TABLE}\n")
        for staged, name in (
            (self.path, MANIFEST_LINES),
            (table, MANIFEST_TABLE),
            (hashes, MANIFEST_HASHES),
        ):
            move_into_place(staged, folder / name)
        return ManifestSummary(self._counts.total(), dict(self._counts), sha256)

    def close(self) -> None:
        """Close the file, and delete it unless it is complete."""
        with suppress(OSError):  # of a full disk
            self._file.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


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
    with (
        writing_to(folder),
        closing(Staging(folder)) as staging,
        closing(ManifestLines(staging.fresh())) as lines,
    ):
        block: list[ManifestRow] = []
        async for row in rows:
            block.append(row)
            if len(block) == _BLOCK:
                await asyncio.to_thread(lines.add, block)
                block = []
        await asyncio.to_thread(lines.add, block)
        return await asyncio.to_thread(lines.complete, folder, left_out)


def _write_table(lines: Path, target: Path, footer: dict[str, str]) -> None:
    """Convert the JSON lines to Parquet, so that both formats have the same rows."""
    batches = read_json(lines, manifest_schema(), batch_size=_BLOCK)
    write_parquet(
        batches,
        target,
        compression="zstd(1)",
        max_row_group_size=_ROW_GROUP,
        column_dictionary_enabled=dict.fromkeys(_UNIQUE, False),
        key_value_metadata=footer,
    )
