"""The summary of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from docmill.cli.console import Console
from docmill.cli.exits import Exit
from docmill.cli.progress import duration
from docmill.cli.show.failures import failure_groups, group_as_json, print_groups
from docmill.cli.show.warnings import batch_warnings, counts_as_json, print_warning_counts
from docmill.cli.snapshot import Snapshot, exit_of, skip_counts
from docmill.contracts.scans import LEFT_OUT_WORDS, LeftOutReason, total_left_out
from docmill.contracts.words import JobType, SkipReason
from docmill.outputs.findings import Findings
from docmill.records.database import Database
from docmill.records.items import FailureGroup
from docmill.records.warning_counts import BatchWarnings

MANIFEST, REPORT = "manifest.jsonl", "report.html"
SHOWN = 30
"""Types or fields that are printed; ``--json`` has more."""
_IN_JSON: Mapping[str, str] = {JobType.CLASSIFY: "types", JobType.EXTRACT: "fields"}


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The outcome of a run.

    Attributes:
        page: the batch's page in Temporal's Web UI.
        seconds: how long this command took.
        skipped: files skipped, by reason.
        warnings: of completed files, by code.
        findings: types of a classification, fields of an extraction.
    """

    snapshot: Snapshot
    out: str
    page: str | None
    seconds: float
    code: Exit
    skipped: dict[str, int]
    failures: list[FailureGroup]
    warnings: BatchWarnings
    findings: Findings | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return (
            self.snapshot.as_json()
            | self._found()
            | counts_as_json(self.warnings)
            | {
                "exit_code": int(self.code),
                "skipped_by_reason": self.skipped,
                "left_out": self.snapshot.batch.left_out or {},
                "failures": [group_as_json(group) for group in self.failures],
                "out": self.out,
                "manifest": f"{self.out}/{MANIFEST}",
                "report": f"{self.out}/{REPORT}",
                "temporal_ui": self.page,
            }
        )

    def _found(self) -> dict[str, Any]:
        name = _IN_JSON.get(self.snapshot.batch.job_type)
        return {} if name is None or self.findings is None else {name: dict(self.findings.ranked)}


async def summary_of(
    database: Database,
    snapshot: Snapshot,
    out: str,
    *,
    page: str | None,
    seconds: float,
    findings: Findings | None,
) -> RunSummary:
    """Collect the summary of an ended batch."""
    return RunSummary(
        snapshot,
        out,
        page,
        seconds,
        await exit_of(database, snapshot),
        await skip_counts(database, snapshot),
        await failure_groups(database, snapshot.batch),
        await batch_warnings(database, snapshot.batch),
        findings,
    )


def print_summary(console: Console, ending: RunSummary) -> None:
    """Print the summary table, the failures, and where everything is."""
    snapshot = ending.snapshot
    console.print()
    console.print(
        f"{snapshot.batch.id}: {snapshot.state} after {duration(ending.seconds)}", style="bold"
    )
    if snapshot.batch.reason:
        console.print(f"Reason: {snapshot.batch.reason}")
    console.print_table(_table(_rows(ending)))
    if ending.findings and ending.findings.counts:
        console.print(f"{ending.findings.title}:", style="bold")
        console.print_table(_table(ending.findings.ranked[:SHOWN]))
    print_groups(console, ending.failures)
    print_warning_counts(console, snapshot.batch.id, ending.warnings)
    print_left_out(console, snapshot.batch.left_out)
    console.print()
    console.print(f"Results:   {ending.out}")
    console.print(f"Report:    {ending.out}/{REPORT}")
    console.print(f"Manifest:  {ending.out}/{MANIFEST}")
    if ending.page:
        console.print(f"Temporal:  {ending.page}")


def _table(rows: list[tuple[str, int]]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, count in rows:
        table.add_row(Text(name), f"{count:,}")
    return table


def _rows(ending: RunSummary) -> list[tuple[str, int]]:
    tally = ending.snapshot.tally
    known = ending.skipped.get(SkipReason.ALREADY_PROCESSED, 0)
    rows = [
        ("completed", tally.completed),
        ("already processed", known),
        ("skipped otherwise", tally.skipped - known),
        ("failed", tally.failed),
        ("cancelled", tally.cancelled),
    ]
    return [row for row in rows if row[1] or row[0] in ("completed", "failed")]


SHOWN_LEFT_OUT = 3
"""Names of each reason that are shown; ``--json`` and the report have more."""


def print_left_out(console: Console, left_out: dict[str, Any] | None) -> None:
    """Print what was left out of the listing and why, if anything was."""
    if not left_out:
        return
    console.print(f"Left out of the listing: {total_left_out(left_out):,}", style="yellow")
    for reason, entry in left_out.items():
        names = entry["names"][:SHOWN_LEFT_OUT]
        more = entry["count"] - len(names)
        named = ", ".join(names) + (f" and {more:,} more" if more else "")
        console.print(f"  {entry['count']:,} {LEFT_OUT_WORDS[LeftOutReason(reason)]}: {named}")
