"""Number of files per warning code of a batch: always exact, and read without a scan."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.warnings import (
    ResultWarning,
    WarningCode,
    WarningKind,
    kind_of,
    parse_warnings,
)
from docmill.records.counts import SHARDS
from docmill.records.statements import Insert, dialect_of, insert_for, run, table_of
from docmill.records.tables.batches import Batch, BatchWarningCount

_WORST_FIRST = (WarningKind.LOSS, WarningKind.DOUBT, WarningKind.NOTE)


@dataclass(frozen=True, slots=True)
class WarnedFile:
    """A file with warnings whose outcome is being recorded.

    Attributes:
        position: position in the listing.
        warnings: warnings as stored, those of the result and of the file; never empty.
    """

    position: int
    warnings: Sequence[Any]

    @classmethod
    def among(cls, files: Iterable[tuple[int, Sequence[Any]]]) -> list["WarnedFile"]:
        """Return those of ``files`` (position and warnings) that have warnings."""
        return [cls(position, warnings) for position, warnings in files if warnings]


@dataclass(frozen=True, slots=True)
class WarningCount:
    """Files of a batch with one warning code.

    Attributes:
        first_position: position of the first one in the listing.
    """

    code: WarningCode
    files: int
    first_position: int


@dataclass(frozen=True, slots=True)
class BatchWarnings:
    """Warnings of a batch's files.

    Attributes:
        by_code: counts by code, most frequent first.
        by_kind: counts of files by their worst kind, so that each file counts once.
    """

    by_code: tuple[WarningCount, ...]
    by_kind: dict[WarningKind, int]

    @property
    def files(self) -> int:
        """Number of files with missing or doubtful content."""
        return self.by_kind[WarningKind.LOSS] + self.by_kind[WarningKind.DOUBT]

    @property
    def counts(self) -> dict[str, int]:
        """Number of files by code, most frequent first."""
        return {one.code.value: one.files for one in self.by_code}


async def add_warned(session: AsyncSession, batch_id: str, files: Sequence[WarnedFile]) -> None:
    """Count files with warnings; writes nothing without any.

    Call it directly after `docmill.records.counts.add_counts`, for the same reason. Rows are locked
    in the order of their keys.
    """
    counted: Counter[tuple[str, int]] = Counter()
    first: dict[tuple[str, int], int] = {}
    for file in files:
        for name in _names(parse_warnings(file.warnings)):
            key = (name, file.position % SHARDS)
            counted[key] += 1
            first[key] = min(first.get(key, file.position), file.position)
    rows = [
        {
            "batch_id": batch_id,
            "name": name,
            "shard": shard,
            "files": number,
            "first_position": first[name, shard],
        }
        for (name, shard), number in sorted(counted.items())
    ]
    if rows:
        await run(session, _raise_counts(dialect_of(session)), rows)


async def warnings_of(session: AsyncSession, batch: Batch) -> BatchWarnings:
    """Return the warnings of a batch's files so far."""
    counts = BatchWarningCount
    query = (
        select(counts.name, func.sum(counts.files), func.min(counts.first_position))
        .where(counts.batch_id == batch.id)
        .group_by(counts.name)
    )
    found = {name: (int(files), first) for name, files, first in await session.execute(query)}
    by_code = [WarningCount(code, *found[code]) for code in WarningCode if code in found]
    return BatchWarnings(
        tuple(sorted(by_code, key=lambda one: (-one.files, one.code))),
        {kind: found[kind][0] if kind in found else 0 for kind in _WORST_FIRST},
    )


def _names(warnings: Sequence[ResultWarning]) -> set[str]:
    codes = {one.code for one in warnings}
    kinds = {kind_of(code) for code in codes}
    worst = next((kind.value for kind in _WORST_FIRST if kind in kinds), None)
    return {code.value for code in codes} | ({worst} if worst else set())


@cache
def _raise_counts(dialect: str) -> Insert:
    insert = insert_for(dialect, BatchWarningCount)
    counts = table_of(BatchWarningCount).c
    new = insert.excluded
    earlier = case(
        (new.first_position < counts.first_position, new.first_position),
        else_=counts.first_position,
    )
    return insert.on_conflict_do_update(
        index_elements=["batch_id", "name", "shard"],
        set_={"files": counts.files + new.files, "first_position": earlier},
    )
