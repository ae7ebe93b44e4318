"""The manifests of all runs of a destination, and their index.

``manifests/batch_id=ID/manifest.parquet`` has the rows of one batch. Readers of data lakes take the
part ``batch_id=ID`` for a column. A redrive replaces the manifest of its batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from docmill.outputs.names import MANIFEST_TABLE, RUNS

SCHEMA_VERSION = 1
"""Of the columns of ``manifest.parquet``. Columns are added without a new version."""


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A line of the index.

    Attributes:
        batch_id: id of the batch.
        epoch: number of its executions.
        name: of the batch.
        job_type: the product.
        status: how the batch ended.
        started_at: of its last execution.
        ended_at: likewise.
        rows: number of files.
        counts: number of files by outcome.
        manifest: name of the manifest, relative to the destination.
        sha256: of the manifest.
        vanished_count: number of files that were listed by an earlier run and are gone.
        vanished: names of the first 100.
        schema_version: version of the manifest's columns.
    """

    batch_id: str
    epoch: int
    name: str | None
    job_type: str
    status: str
    started_at: datetime | None
    ended_at: datetime | None
    rows: int
    counts: Mapping[str, int]
    manifest: str
    sha256: str
    vanished_count: int = 0
    vanished: Sequence[str] = ()
    schema_version: int = SCHEMA_VERSION


_ENTRY = TypeAdapter(RunEntry)


def manifest_of_run(batch_id: str) -> str:
    """Return the name of a batch's manifest."""
    return f"{RUNS}/batch_id={batch_id}/{MANIFEST_TABLE}"


def with_entry(index: bytes | None, entry: RunEntry) -> bytes:
    """Return the index with ``entry`` at its end, in place of an earlier one of the same batch.

    Damaged lines are dropped: each run writes its line again.
    """
    replaced = (None, entry.batch_id)
    kept = [line for line in (index or b"").splitlines() if _batch_of(line) not in replaced]
    return b"".join(line + b"\n" for line in (*kept, _ENTRY.dump_json(entry)))


def _batch_of(line: bytes) -> str | None:
    try:
        return _ENTRY.validate_json(line).batch_id
    except ValidationError:
        return None
