"""Visible state of a batch: phase, progress, details, memo and search attributes."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

from docmill.contracts import names
from docmill.contracts.batches import BatchProgress, BatchState, OpenedBatch

_PROJECT = SearchAttributeKey.for_keyword(names.PROJECT_ATTRIBUTE)
_DIRECTORY = SearchAttributeKey.for_keyword(names.DIRECTORY_ATTRIBUTE)
_JOB_TYPE = SearchAttributeKey.for_keyword(names.JOB_TYPE_ATTRIBUTE)
_STATUS = SearchAttributeKey.for_keyword(names.STATUS_ATTRIBUTE)
_PROCESSED = SearchAttributeKey.for_int(names.PROCESSED_ATTRIBUTE)
_FAILED = SearchAttributeKey.for_int(names.FAILED_ATTRIBUTE)
_TOTAL = SearchAttributeKey.for_int(names.TOTAL_ATTRIBUTE)


def progress(
    batch_id: str, state: BatchState, in_flight: int, word: str, now: datetime
) -> BatchProgress:
    """Return the answer of the ``progress`` query."""
    opened, tally = state.opened, state.tally
    return BatchProgress(
        batch_id=batch_id,
        state=word,
        total=opened.total if opened else 0,
        processed=tally.completed,
        failed=tally.failed,
        skipped=tally.skipped,
        cancelled=tally.cancelled,
        in_flight=in_flight,
        concurrency=state.concurrency or 0,
        runs=state.runs,
        rate=_rate(opened, state, now) if opened else 0.0,
        started_at=opened.started_at if opened else None,
        cancel_reason=state.cancel_reason,
    )


def _rate(opened: OpenedBatch, state: BatchState, now: datetime) -> float:
    """Return the number of items per second with an outcome in this execution of the batch."""
    seconds = (now - opened.started_at).total_seconds()
    ran = state.tally.accounted - opened.settled.accounted
    return ran / seconds if seconds > 0 else 0.0


def memo(opened: OpenedBatch) -> dict[str, object]:
    """Return the memo of the workflow, which shows in lists of workflows."""
    return {
        "project": opened.project_id,
        "directory": opened.directory_id or "",
        "job_type": opened.job_type.value,
        "total": opened.total,
        names.EPOCH_MEMO: opened.epoch,
    }


def search_attributes(
    opened: OpenedBatch, state: BatchState, status: str
) -> Sequence[SearchAttributeUpdate[Any]]:
    """Return search attributes for filters; updated per page and at each change of state."""
    return [
        _PROJECT.value_set(opened.project_id),
        _DIRECTORY.value_set(opened.directory_id or ""),
        _JOB_TYPE.value_set(opened.job_type.value),
        _STATUS.value_set(status),
        _PROCESSED.value_set(state.tally.completed),
        _FAILED.value_set(state.tally.failed),
        _TOTAL.value_set(opened.total),
    ]


def details(state: BatchState, in_flight: int, word: str) -> str:
    """Return the state of the batch as text: ``412 of 1,000, 3 failed, paused``."""
    if state.opened is None:
        return "opening: the listing is being frozen"
    tally = state.tally
    parts = [f"**{tally.accounted:,} of {state.opened.total:,}**"]
    for count, what in (
        (tally.failed, "failed"),
        (tally.skipped, "skipped"),
        (tally.cancelled, "cancelled"),
        (in_flight, "in flight"),
    ):
        if count:
            parts.append(f"{count:,} {what}")
    if word != "running":
        parts.append(word)
    lines = [", ".join(parts)]
    if reason := state.cancel_reason or state.stop_reason:
        lines.append(f"Reason: {_literal(reason)}")
    failed = [f"- {_literal(it.name)}: {it.failure_class}" for it in reversed(state.failures)]
    return "\n\n".join(filter(None, (*lines, "\n".join(failed))))


def _literal(text: str) -> str:
    """Return external text as code. The UI renders Markdown, which file names may contain."""
    return f"`{text.replace('`', chr(39))}`"


class Phase(StrEnum):
    """Phase of a workflow run. The last three are terminal states of the batch."""

    OPENING = "opening"
    THROTTLED = "throttled"
    RUNNING = "running"
    LEAVING = "leaving"
    """The history is full: items in flight end, then the next run continues."""
    CLOSING = "closing"
    SWEEPING = "sweeping"
    """The close found items without an outcome, which are processed once more."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    def status(self, state: BatchState) -> str:
        """Return the state of the batch as reported by `BatchProgress`."""
        match self:
            case Phase.OPENING | Phase.COMPLETED | Phase.FAILED | Phase.CANCELLED:
                return self.value
            case _ if state.cancelling:
                return "cancelling"
            case _ if state.stop_reason is not None:
                return "stopping"
            case Phase.THROTTLED | Phase.CLOSING:
                return self.value
            case _:
                return "paused" if state.paused else "running"
