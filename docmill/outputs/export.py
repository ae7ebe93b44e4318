"""Exports results from the object store to the output folder, during a batch and at its end."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from docmill.contracts.words import UNFINISHED, BatchStatus
from docmill.errors import NotFoundError
from docmill.objects.base import ObjectStore
from docmill.objects.durable import sync_file_system
from docmill.objects.results import RESULT_FILE, result_key
from docmill.objects.staging import Staging
from docmill.outputs.files import DamagedError, fetch, files_of_result, hash_of, writing_to
from docmill.outputs.findings import Findings
from docmill.outputs.manifest import ManifestRow, ManifestSummary, write_manifest
from docmill.outputs.names import REPORT, output_names
from docmill.outputs.report import write_report
from docmill.outputs.report_data import BatchFacts, ReportData
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.items import ItemRow
from docmill.records.ledger import Ledger
from docmill.records.tables.batches import Batch

WINDOW = 1000
"""Items after the frontier that are checked: more than a batch can have in flight."""
PARALLEL_COPIES = 8
"""Items whose files are copied at the same time."""
NAMED = 20
"""Maximum files with a lost result in the error."""


class Exporter:
    """Copies the results of finished items to ``out``; each file is written atomically.

    All items up to a frontier are finished and exported; after it a bounded window of items is
    checked. A file that already has the right bytes is not copied again, so a repeated or resumed
    export is cheap, and restores an emptied folder. Until `finish` has returned, a power cut may
    lose files; the next export detects them by their hashes.

    Use it as a context manager: its exit removes the temporary folder.

    Attributes:
        findings: summary of the results, once `finish` has returned.
    """

    def __init__(self, database: Database, store: ObjectStore, batch: Batch, out: Path) -> None:
        self._database = database
        self._store = store
        self._batch = batch
        self._out = out
        self._staging = Staging(out)
        self._frontier = 0
        self._ahead: frozenset[int] = frozenset()
        self.findings = Findings(batch.job_type)
        self._lost: list[str] = []
        self._lost_count = 0

    def close(self) -> None:
        """Remove the temporary folder."""
        self._staging.close()

    async def export_ready(self) -> int:
        """Export the items that finished since the last call, and return their number.

        Raises:
            UsageError: ``out`` is not writable.
            UnavailableError: ``out`` is full, or the store or the database is unavailable. The
                next call continues where this one stopped.
        """
        count = 0
        if await self._is_waiting():
            return count
        while True:
            rows = await self._walk(self._frontier)
            ready = [row for row in rows if row.status not in UNFINISHED]
            fresh = [row for row in ready if row.position not in self._ahead]
            await self._export(fresh)
            count += len(fresh)
            finished = list(itertools.takewhile(lambda row: row.status not in UNFINISHED, rows))
            if finished:
                self._frontier = finished[-1].position
            self._ahead = frozenset(r.position for r in ready if r.position > self._frontier)
            if len(finished) < WINDOW:
                return count

    async def _is_waiting(self) -> bool:
        """Whether a redrive has not started yet: its items still have their old outcomes."""
        async with self._database.read() as session:
            batch = await Batches(session).get(None, self._batch.id)
        return batch.epoch > 1 and batch.started_at is None

    async def finish(
        self, *, title: str = "", vanished: Sequence[str] = (), vanished_count: int = 0
    ) -> ManifestSummary:
        """Export the remaining items of an ended batch, and write the manifest and the report.

        Args:
            title: of the report; empty means the name of the batch.
            vanished: names of the first files that disappeared since an earlier run.
            vanished_count: number of files that disappeared.

        Raises:
            NotFoundError: results are missing in the store. All others were exported, and the
                manifest still lists the missing ones, so that `verify` reports them.
            UsageError: as for `export_ready`.
            UnavailableError: as for `export_ready`.
        """
        async with self._database.read() as session:
            batch = await Batches(session).get(None, self._batch.id)
        facts = _facts(batch, title, vanished, vanished_count)
        data = ReportData(facts, findings=self.findings)
        self.findings.counts.clear()
        with writing_to(self._out):
            self._out.mkdir(parents=True, exist_ok=True)
        summary = await write_manifest(self._rows(data), self._out, left_out=batch.left_out)
        await asyncio.to_thread(write_report, self._out / REPORT, data)
        if self._lost:
            raise NotFoundError(
                f"The store has lost {self._lost_count} results, among them: "
                + ", ".join(self._lost[:NAMED]),
                "Restore the store from a backup, or parse again with disable_cache: true.",
            )
        return summary

    async def _rows(self, data: ReportData) -> AsyncIterator[ManifestRow]:
        """Yield every row of the manifest, and export items that were not exported yet."""
        after = 0
        while rows := await self._walk(after):
            await self._export(
                [
                    row
                    for row in rows
                    if row.position > self._frontier and row.position not in self._ahead
                ]
            )
            await asyncio.to_thread(self._count, rows)
            for item in rows:
                row = ManifestRow.of(item, output_names(item.path).json)
                data.add(row)
                yield row
            after = rows[-1].position
        # Once for all files, and before the manifest that lists them is written.
        await asyncio.to_thread(sync_file_system, self._out)

    def _count(self, rows: Sequence[ItemRow]) -> None:
        for row in rows:
            if row.object_prefix is not None:
                self.findings.add(self._out / output_names(row.path).json)

    async def _walk(self, after: int) -> list[ItemRow]:
        async with self._database.read() as session:
            return await Ledger(session).walk(self._batch, after, WINDOW)

    async def _export(self, rows: Sequence[ItemRow]) -> None:
        """Export those of ``rows`` that have a result and are not exported yet."""
        with writing_to(self._out):
            missing = await asyncio.to_thread(self._missing, rows)
            for start in range(0, len(missing), PARALLEL_COPIES):
                chunk = missing[start : start + PARALLEL_COPIES]
                ended = await asyncio.gather(*map(self._copy, chunk), return_exceptions=True)
                for error in ended:
                    if error is not None:
                        raise error

    def _missing(self, rows: Sequence[ItemRow]) -> list[ItemRow]:
        return [row for row in rows if row.object_prefix is not None and not self._is_exported(row)]

    def _is_exported(self, row: ItemRow) -> bool:
        names = output_names(row.path)
        result = self._out / names.json
        if hash_of(result) != row.result_sha256:
            return False
        try:
            siblings = files_of_result(result)
        except DamagedError:
            return False
        return all(hash_of(self._out / names.of(n)) == sha256 for n, sha256 in siblings.items())

    async def _copy(self, row: ItemRow) -> None:
        """Copy one item's files in one thread call, because one call for each step costs more."""
        try:
            await asyncio.to_thread(self._copy_here, row, asyncio.get_running_loop())
        except (NotFoundError, DamagedError):
            self._lost_count += 1
            if len(self._lost) < NAMED:
                self._lost.append(row.path)

    def _copy_here(self, row: ItemRow, loop: asyncio.AbstractEventLoop) -> None:
        """Copy one item's files; the JSON is last, because it has the hashes of the others."""
        names = output_names(row.path)
        with self._fetched(row, RESULT_FILE, row.result_sha256, loop) as result:
            for name, sha256 in files_of_result(result).items():
                target = self._out / names.of(name)
                if hash_of(target) != sha256:
                    with self._fetched(row, name, sha256, loop) as staged:
                        _move(staged, target)
            _move(result, self._out / names.json)

    @contextmanager
    def _fetched(
        self, row: ItemRow, name: str, sha256: str | None, loop: asyncio.AbstractEventLoop
    ) -> Iterator[Path]:
        """Yield a staged copy of one stored file; if it was not moved, it is deleted at the end."""
        assert row.object_prefix is not None
        staged = self._stage()
        try:
            found = fetch(self._store, result_key(row.object_prefix, name), staged, loop)
            if found != sha256:
                raise DamagedError(f"The stored {name} of {row.path} is damaged.")
            yield staged
        finally:
            staged.unlink(missing_ok=True)

    def _stage(self) -> Path:
        self._out.mkdir(parents=True, exist_ok=True)
        return self._staging.fresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _move(staged: Path, target: Path) -> None:
    """Move a finished file to its target; `Exporter.finish` makes it durable."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staged.replace(target)


def _facts(batch: Batch, title: str, vanished: Sequence[str], vanished_count: int) -> BatchFacts:
    return BatchFacts(
        batch_id=batch.id,
        title=title or batch.name or batch.id,
        job_type=batch.job_type,
        status=BatchStatus(batch.status),
        reason=batch.reason,
        started_at=batch.started_at,
        ended_at=batch.ended_at,
        vanished=vanished,
        vanished_count=max(vanished_count, len(vanished)),
        left_out=batch.left_out,
    )
