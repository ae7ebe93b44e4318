"""Data of the report, collected in one pass over the rows, with bounded memory."""

import heapq
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from docmill.contracts.warnings import ResultWarning, WarningCode, WarningKind, kind_of
from docmill.contracts.words import BatchStatus, Outcome, SkipReason
from docmill.outputs.findings import Findings
from docmill.outputs.manifest import ManifestRow

SLOWEST = 20
EXAMPLES = 100
"""Maximum named files for one cause of failure."""
ALL_EXAMPLES = 500
"""Maximum named files for all causes together."""
KINDS = 12
NAMED = 50
"""Maximum named files with failed pages, and named skipped files."""
SLOTS = 60
"""Points of the curve over time."""
BOUNDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, math.inf)
"""Upper bounds of the histogram's bars, in seconds."""
_FINE = 20
"""Bins per decade of the finer histogram for the median, which is exact within 6%."""
_SHORTEST_TICK = 2.0**-10
_MANY_TICKS = 4096
"""Maximum points of time at which ends of files are counted; more are merged in pairs."""
_MANY_KINDS = 500
"""Maximum extensions that are counted; a hostile folder may have a million."""


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """Properties of the batch.

    Attributes:
        title: display name of the input: the folder's name.
        vanished: names of the first files that disappeared since an earlier run.
        vanished_count: number of files that disappeared.
        left_out: the files that the listing excludes, as `docmill.contracts.scans` stores them.
    """

    batch_id: str
    title: str
    job_type: str
    status: BatchStatus
    reason: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    vanished: Sequence[str] = ()
    vanished_count: int = 0
    left_out: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Cause:
    """Failed files of one class: their number, and the first of them."""

    failure_class: str
    count: int = 0
    examples: list[ManifestRow] = field(default_factory=list)


@dataclass(slots=True)
class Warned:
    """Files with one warning code: their number, and the first of them with their messages."""

    code: WarningCode
    count: int = 0
    examples: list[tuple[ManifestRow, ResultWarning]] = field(default_factory=list)

    @property
    def kind(self) -> WarningKind:
        """The kind of the code."""
        return kind_of(self.code)


@dataclass(frozen=True, slots=True, order=True)
class SlowFile:
    """One of the slowest files."""

    seconds: float
    path: str
    pages: int | None = field(compare=False)
    output_path: str | None = field(compare=False)


@dataclass(slots=True)
class ReportData:
    """The data of the report; `add` every row.

    Attributes:
        facts: may be set again when the batch has ended, after rows were added.
    """

    facts: BatchFacts
    findings: Findings | None = None
    """Summary of the results of a classification or an extraction."""
    total: int = 0
    size: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    skips: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, list[ManifestRow]] = field(default_factory=dict)
    """The first files of each reason, except for unchanged files."""
    pages_ok: int = 0
    partial_count: int = 0
    partials: list[ManifestRow] = field(default_factory=list)
    warned_count: int = 0
    """Files with a loss or a doubt."""
    bars: list[int] = field(default_factory=lambda: [0] * len(BOUNDS))
    _causes: dict[str, Cause] = field(default_factory=dict)
    _examples: int = 0
    _warned: dict[WarningCode, Warned] = field(default_factory=dict)
    _warned_examples: int = 0
    _slowest: list[SlowFile] = field(default_factory=list)
    _kinds: Counter[str] = field(default_factory=Counter)
    _failed_kinds: Counter[str] = field(default_factory=Counter)
    _fine: Counter[int] = field(default_factory=Counter)
    _ends: Counter[int] = field(default_factory=Counter)
    _tick: float = _SHORTEST_TICK

    def add(self, row: ManifestRow) -> None:
        """Add one file."""
        self.total += 1
        self.size += row.size
        self.counts[row.status] += 1
        self.pages_ok += (row.pages_ok or 0) if row.status == Outcome.COMPLETED else 0
        self._add_kind(row)
        if row.partial:
            self.partial_count += 1
            if len(self.partials) < NAMED:
                self.partials.append(row)
        if row.warnings:
            self._add_warnings(row)
        if row.status == Outcome.SKIPPED:
            self._add_skip(row)
        elif row.status == Outcome.FAILED:
            self._add_failure(row)
        if row.status in (Outcome.COMPLETED, Outcome.FAILED):
            self._add_time(row)

    @property
    def done(self) -> int:
        """Files with a result: completed now, or unchanged since an earlier run."""
        return self.counts[Outcome.COMPLETED] + self.skips[SkipReason.ALREADY_PROCESSED]

    @property
    def worked(self) -> int:
        """Files that an engine processed."""
        return self.counts[Outcome.COMPLETED] + self.counts[Outcome.FAILED]

    @property
    def elapsed(self) -> float:
        """Seconds from the batch's start to its end; 0 if it never started."""
        if self.facts.started_at is None or self.facts.ended_at is None:
            return 0.0
        return max((self.facts.ended_at - self.facts.started_at).total_seconds(), 0.0)

    @property
    def timeline(self) -> list[int]:
        """Number of processed files that ended in each `SLOTS` of the batch's time."""
        slots = [0] * SLOTS
        if self.facts.started_at is None or not self.elapsed:
            return slots
        start = self.facts.started_at.timestamp()
        for tick, count in self._ends.items():
            share = ((tick + 0.5) * self._tick - start) / self.elapsed
            slots[min(max(int(share * SLOTS), 0), SLOTS - 1)] += count
        return slots

    @property
    def causes(self) -> list[Cause]:
        """Causes of failure, most frequent first."""
        return sorted(self._causes.values(), key=lambda cause: (-cause.count, cause.failure_class))

    @property
    def warned(self) -> list[Warned]:
        """Warning codes: losses, doubts, notes; most frequent first within each kind."""
        kinds = list(WarningKind)
        return sorted(
            self._warned.values(), key=lambda one: (kinds.index(one.kind), -one.count, one.code)
        )

    @property
    def slowest(self) -> list[SlowFile]:
        """The slowest files, slowest first."""
        return sorted(self._slowest, reverse=True)

    @property
    def kinds(self) -> list[tuple[str, int, int]]:
        """The most frequent extensions, each with its number of files and of failed files."""
        ranked = sorted(self._kinds.items(), key=lambda kind: (-kind[1], kind[0]))[:KINDS]
        return [(name, count, self._failed_kinds[name]) for name, count in ranked]

    @property
    def median(self) -> float | None:
        """Approximate median of the files' durations in seconds; None without files."""
        half, seen = sum(self._fine.values()) / 2, 0
        for bin_number in sorted(self._fine):
            seen += self._fine[bin_number]
            if seen >= half:
                return float(10 ** ((bin_number + 0.5) / _FINE))
        return None

    def _add_kind(self, row: ManifestRow) -> None:
        kind = PurePosixPath(row.path).suffix.lower() or "no extension"
        if kind in self._kinds or len(self._kinds) < _MANY_KINDS:
            self._kinds[kind] += 1
            self._failed_kinds[kind] += row.status == Outcome.FAILED

    def _add_skip(self, row: ManifestRow) -> None:
        reason = row.skip_reason or ""
        self.skips[reason] += 1
        named = self.skipped.setdefault(reason, [])
        if reason != SkipReason.ALREADY_PROCESSED and len(named) < NAMED:
            named.append(row)

    def _add_failure(self, row: ManifestRow) -> None:
        name = row.failure_class or "internal"
        cause = self._causes.setdefault(name, Cause(name))
        cause.count += 1
        if len(cause.examples) < EXAMPLES and self._examples < ALL_EXAMPLES:
            cause.examples.append(row)
            self._examples += 1

    def _add_warnings(self, row: ManifestRow) -> None:
        first: dict[WarningCode, ResultWarning] = {}
        for one in row.warnings:
            first.setdefault(one.code, one)
        self.warned_count += any(kind_of(code) is not WarningKind.NOTE for code in first)
        for code, one in first.items():
            group = self._warned.setdefault(code, Warned(code))
            group.count += 1
            if len(group.examples) < EXAMPLES and self._warned_examples < ALL_EXAMPLES:
                group.examples.append((row, one))
                self._warned_examples += 1

    def _add_time(self, row: ManifestRow) -> None:
        if row.started_at is None or row.finished_at is None:
            return
        seconds = max((row.finished_at - row.started_at).total_seconds(), 0.001)
        self.bars[next(i for i, bound in enumerate(BOUNDS) if seconds < bound)] += 1
        self._fine[math.floor(math.log10(seconds) * _FINE)] += 1
        slow = SlowFile(seconds, row.path, row.pages_total, row.output_path)
        if len(self._slowest) < SLOWEST:
            heapq.heappush(self._slowest, slow)
        elif slow.seconds > self._slowest[0].seconds:
            heapq.heapreplace(self._slowest, slow)
        self._ends[int(row.finished_at.timestamp() / self._tick)] += 1
        while len(self._ends) > _MANY_TICKS:
            self._merge_ticks()

    def _merge_ticks(self) -> None:
        ends, self._ends = self._ends, Counter()
        self._tick *= 2
        for tick, count in ends.items():
            self._ends[tick // 2] += count
