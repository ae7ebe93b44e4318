"""Exports results from the object store to their destination, during a batch and at its end."""

import asyncio
import itertools
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from docmill.contracts.words import UNFINISHED, BatchStatus
from docmill.errors import NotFoundError
from docmill.objects.base import ObjectStore
from docmill.objects.results import RESULT_FILE, result_key
from docmill.outputs.destinations import Destination
from docmill.outputs.files import DamagedError, fetch, files_of_result, hash_of, writing_to
from docmill.outputs.findings import Findings
from docmill.outputs.manifest import ManifestLines, ManifestRow, ManifestSummary
from docmill.outputs.names import (
    MANIFEST_HASHES,
    MANIFEST_LINES,
    MANIFEST_TABLE,
    REPORT,
    RUN_INDEX,
    output_names,
)
from docmill.outputs.report_data import BatchFacts, ReportData
from docmill.outputs.runs import RunEntry, manifest_of_run, with_entry
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.items import ItemRow
from docmill.records.ledger import Ledger
from docmill.records.tables.batches import Batch

WINDOW = 1000
"""Items after the frontier that are checked: more than a batch can have in flight."""
CHUNK = 16
"""Items whose files one thread call copies."""
PARALLEL_COPIES = 8
"""Concurrent thread calls of one export, and of all exports of a process together."""
_copying = ThreadPoolExecutor(PARALLEL_COPIES, "export")
"""Threads of all exports of the process. They wait for downloads, which need threads of the event
loop; on the same threads, an export of many files could wait for itself."""
NAMED = 20
"""Maximum files with a lost result in the error."""


class Exporter:
    """Copies the results of finished items to a destination; each file is written atomically.

    All items up to a frontier are finished and exported; after it a bounded window of items is
    checked. A file that already has the right bytes is not copied again, so a repeated or resumed
    export is cheap, and restores an emptied destination. Until `finish` has returned, a power cut
    may lose files; the next export detects them by their hashes.

    Use it as a context manager: its exit closes the destination.

    Attributes:
        findings: summary of the results, once `finish` has returned.
    """

    def __init__(
        self, database: Database, store: ObjectStore, batch: Batch, out: Destination
    ) -> None:
        self._database = database
        self._store = store
        self._batch = batch
        self._out = out
        self._epoch = batch.epoch
        self._frontier = 0
        self._ahead: frozenset[int] = frozenset()
        self.findings = Findings(batch.job_type)
        self._lines: ManifestLines | None = None
        self._begin_manifest()
        self._lost: list[str] = []
        self._lost_count = 0

    def close(self) -> None:
        """Remove what is staged."""
        if self._lines is not None:
            self._lines.close()
        self._out.close()

    async def export_ready(self) -> int:
        """Export the items that finished since the last call, and return their number.

        Raises:
            UsageError: the destination is not writable.
            UnavailableError: it is full, or it, the store or the database is unavailable. The next
                call continues where this one stopped.
        """
        count = 0
        batch = await self._current()
        if batch.epoch > 1 and batch.started_at is None:
            return count  # a redrive has not started yet: its items still have their old outcomes
        while True:
            ready, in_order = await self._finished()
            fresh = ready - self._ahead
            rows = await self._read(sorted(fresh.union(in_order)))
            await self._export([row for row in rows if row.position in fresh])
            count += len(fresh)
            if in_order:
                if self._listed == self._frontier:
                    await self._list([row for row in rows if row.position <= in_order[-1]])
                self._frontier = in_order[-1]
            self._ahead = frozenset(position for position in ready if position > self._frontier)
            if len(in_order) < WINDOW:
                return count

    async def _current(self) -> Batch:
        """Return the batch as it is now. A redrive since the last call begins everything again."""
        async with self._database.read() as session:
            batch = await Batches(session).get(None, self._batch.id)
        if batch.epoch != self._epoch:
            self._epoch, self._frontier, self._ahead = batch.epoch, 0, frozenset()
            self._lost, self._lost_count = [], 0
            self._begin_manifest()
        return batch

    async def _finished(self) -> tuple[set[int], list[int]]:
        """Return the positions of finished items in the window, and those before the first gap."""
        async with self._database.read() as session:
            found = await Ledger(session).statuses(self._batch, self._frontier, WINDOW)
        in_order = itertools.takewhile(lambda one: one[1] not in UNFINISHED, found)
        ready = {position for position, status in found if status not in UNFINISHED}
        return ready, [position for position, _ in in_order]

    async def _read(self, positions: Sequence[int]) -> Sequence[ItemRow]:
        if not positions:
            return ()
        async with self._database.read() as session:
            return await Ledger(session).items(self._batch, positions=positions, limit=WINDOW)

    async def finish(
        self, *, title: str = "", vanished: Sequence[str] = (), vanished_count: int = 0
    ) -> ManifestSummary:
        """Export the remaining items of an ended batch, and write the manifest and the report.

        After an `UnavailableError` it may be called again.

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
        # A worker loads Jinja only when a sync ends.
        from docmill.outputs.report import write_report  # noqa: PLC0415

        batch = await self._current()
        self._data.facts = facts = _facts(batch, title, vanished, vanished_count)
        known = list(self._lost), self._lost_count
        try:
            await asyncio.to_thread(self._out.prepare)
            with self._out.workspace() as folder:
                lines = await self._complete_lines()
                with writing_to(folder):
                    summary = await asyncio.to_thread(lines.complete, folder, batch.left_out)
                await asyncio.to_thread(write_report, folder / REPORT, self._data)
                await asyncio.to_thread(self._publish, folder, batch, facts, summary)
        except BaseException:
            self._begin_manifest()
            self._lost, self._lost_count = known  # the next call finds the others again
            raise
        if self._lost:
            raise NotFoundError(
                f"The store has lost {self._lost_count} results, among them: "
                + ", ".join(self._lost[:NAMED]),
                "Restore the store from a backup, or process the files again: run with --force, "
                "over HTTP disable_cache: true.",
            )
        return summary

    def _publish(
        self, folder: Path, batch: Batch, facts: BatchFacts, summary: ManifestSummary
    ) -> None:
        """Put the manifest and the report in place, and the run into the index of all runs."""
        run = folder / "run.parquet"
        shutil.copyfile(folder / MANIFEST_TABLE, run)
        entry = RunEntry(
            batch_id=batch.id,
            epoch=batch.epoch,
            name=batch.name,
            job_type=batch.job_type,
            status=batch.status,
            started_at=batch.started_at,
            ended_at=batch.ended_at,
            rows=summary.rows,
            counts=summary.counts,
            manifest=manifest_of_run(batch.id),
            sha256=str(hash_of(run)),
            vanished_count=facts.vanished_count,
            vanished=facts.vanished,
        )
        for name in (MANIFEST_LINES, MANIFEST_TABLE, MANIFEST_HASHES, REPORT):
            self._out.publish(folder / name, name)
        self._out.publish(run, entry.manifest)
        self._out.change(RUN_INDEX, lambda index: with_entry(index, entry))

    def _begin_manifest(self) -> None:
        """Begin manifest, report and findings again; what is exported stays so."""
        if self._lines is not None:
            self._lines.close()
        self._lines = None
        self._listed = 0
        self._data = ReportData(_facts(self._batch), findings=self.findings)
        self.findings.counts.clear()

    async def _complete_lines(self) -> ManifestLines:
        """Export the items that are not exported yet, and list all that are not listed yet."""
        if self._lines is not None and not self._lines.path.exists():
            self._begin_manifest()  # somebody has emptied the folder
        while rows := await self._walk(self._listed):
            await self._export(
                [
                    row
                    for row in rows
                    if row.position > self._frontier and row.position not in self._ahead
                ]
            )
            await self._list(rows)
        # Once for all files, and before the manifest that lists them is written.
        await asyncio.to_thread(self._out.sync)
        if self._lines is None:
            await self._list(())
        assert self._lines is not None
        return self._lines

    async def _list(self, rows: Sequence[ItemRow]) -> None:
        """Add rows, which follow those before, to manifest, report and findings.

        A cancelled call waits for its thread, so that rows are added as a whole.
        """
        adding = asyncio.create_task(asyncio.to_thread(self._list_here, rows))
        try:
            await asyncio.shield(adding)
        except asyncio.CancelledError:
            await asyncio.wait([adding])
            raise

    def _list_here(self, items: Sequence[ItemRow]) -> None:
        try:
            self._count(items)
            rows = [ManifestRow.of(item, output_names(item.path).json) for item in items]
            for row in rows:
                self._data.add(row)
            staged = self._out.stage() if self._lines is None else self._lines.path
            with writing_to(staged.parent):
                if self._lines is None:
                    self._lines = ManifestLines(staged)
                self._lines.add(rows)
        except BaseException:
            self._begin_manifest()
            raise
        if items:
            self._listed = items[-1].position

    def _count(self, rows: Sequence[ItemRow]) -> None:
        if self.findings.title is None:
            return
        names = [output_names(row.path).json for row in rows if row.object_prefix is not None]
        for result in self._out.each(self._out.read, names):
            self.findings.add(result)

    async def _walk(self, after: int) -> list[ItemRow]:
        async with self._database.read() as session:
            return await Ledger(session).walk(self._batch, after, WINDOW)

    async def _export(self, rows: Sequence[ItemRow]) -> None:
        """Export those of ``rows`` that have a result and are not exported yet."""
        known = list(self._lost), self._lost_count
        try:
            await self._copy_all(await asyncio.to_thread(self._missing, rows))
        except BaseException:
            self._lost, self._lost_count = known  # the next call finds the others again
            raise

    async def _copy_all(self, missing: Sequence[ItemRow]) -> None:
        chunks = [missing[at : at + CHUNK] for at in range(0, len(missing), CHUNK)]
        for start in range(0, len(chunks), PARALLEL_COPIES):
            some = chunks[start : start + PARALLEL_COPIES]
            ended = await asyncio.gather(*map(self._copy, some), return_exceptions=True)
            for error in ended:
                if error is not None:
                    raise error

    def _missing(self, rows: Sequence[ItemRow]) -> list[ItemRow]:
        made = [row for row in rows if row.object_prefix is not None]
        wanted = [(output_names(row.path), row.result_sha256) for row in made]
        exported = self._out.have_results(wanted)
        return [row for row, there in zip(made, exported, strict=True) if not there]

    async def _copy(self, rows: Sequence[ItemRow]) -> None:
        """Copy the files of some items in one thread call; a call for each costs more."""
        loop = asyncio.get_running_loop()
        lost = await loop.run_in_executor(_copying, self._copy_here, rows, loop)
        self._lost_count += len(lost)
        self._lost += lost[: NAMED - len(self._lost)]

    def _copy_here(self, rows: Sequence[ItemRow], loop: asyncio.AbstractEventLoop) -> list[str]:
        """Copy the files of some items; return the paths of those whose result is lost."""
        lost = []
        for row in rows:
            try:
                self._copy_one(row, loop)
            except (NotFoundError, DamagedError):
                lost.append(row.path)
        return lost

    def _copy_one(self, row: ItemRow, loop: asyncio.AbstractEventLoop) -> None:
        """Copy one item's files; the JSON is last, because it has the hashes of the others."""
        names = output_names(row.path)
        with self._fetched(row, RESULT_FILE, row.result_sha256, loop) as result:
            for name, sha256 in files_of_result(result).items():
                target = names.of(name)
                if not self._out.has(target, sha256):
                    with self._fetched(row, name, sha256, loop) as staged:
                        self._out.put(staged, target, sha256)
            self._out.put(result, names.json, str(row.result_sha256))

    @contextmanager
    def _fetched(
        self, row: ItemRow, name: str, sha256: str | None, loop: asyncio.AbstractEventLoop
    ) -> Iterator[Path]:
        """Yield a staged copy of one stored file; if it was not moved, it is deleted at the end."""
        assert row.object_prefix is not None
        staged = self._out.stage()
        try:
            with writing_to(staged.parent):
                found = fetch(self._store, result_key(row.object_prefix, name), staged, loop)
            if found != sha256:
                raise DamagedError(f"The stored {name} of {row.path} is damaged.")
            yield staged
        finally:
            staged.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _facts(
    batch: Batch, title: str = "", vanished: Sequence[str] = (), vanished_count: int = 0
) -> BatchFacts:
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
