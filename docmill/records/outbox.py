"""Outbox of webhooks: events, written in the transaction of the change that they report.

The subscribers of a batch are frozen in its row. A change with subscribers costs one INSERT, one
without subscribers costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.webhook_events import BATCH_EVENTS, JobState, job_event, subscribed_events
from docmill.contracts.words import BatchStatus, Outcome, Tally
from docmill.ids import Prefix, derived_id, derived_uuid
from docmill.records.statements import insert_into
from docmill.records.tables.api import WebhookConfiguration, WebhookTarget
from docmill.records.tables.base import now
from docmill.records.tables.batches import Batch
from docmill.records.tables.webhooks import ORDINARY, WebhookEvent

_ENDS = {
    Outcome.COMPLETED: JobState.SUCCESS,
    Outcome.FAILED: JobState.ERROR,
    Outcome.CANCELLED: JobState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Subscribers:
    """Subscribers of one execution of a batch.

    Attributes:
        alone: whether the batch represents a single job and is not named in events.
        targets: ``number`` of the target, ``endpoint`` and ``events`` of each subscriber.
    """

    batch_id: str
    epoch: int
    project_id: str
    namespace: str
    job_type: str
    alone: bool
    targets: Sequence[dict[str, Any]]

    @classmethod
    def of(cls, row: Any, batch_id: str, epoch: int) -> Self | None:
        """Return the subscribers in a row with a batch's columns, or None if there are none."""
        if not row.webhooks:
            return None
        return cls(
            batch_id=batch_id,
            epoch=epoch,
            project_id=row.project_id,
            namespace=row.namespace,
            job_type=row.job_type,
            alone=row.api == "job",
            targets=row.webhooks,
        )

    def wants(self, event: str | None) -> bool:
        """Return whether any subscriber receives ``event``."""
        return any(event in target["events"] for target in self.targets)


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Data of an item's job for an event, in addition to its state."""

    job_id: str
    item_id: str
    failure_class: str | None = None


def state_of(outcome: Outcome, result_id: str | None, *, partial: bool = False) -> JobState:
    """Return the state of an item's job; a skipped item that shares a result has succeeded."""
    if outcome is Outcome.SKIPPED:
        outcome = Outcome.COMPLETED if result_id is not None else Outcome.FAILED
    state = _ENDS[outcome]
    return JobState.PARTIAL_SUCCESS if partial and state is JobState.SUCCESS else state


async def subscribers_of(session: AsyncSession, batch: Batch) -> list[Any] | None:
    """Return the subscribers of a batch that is being created; None if there are none."""
    query = (
        select(WebhookTarget, WebhookConfiguration.webhook_events)
        .outerjoin(WebhookConfiguration, WebhookConfiguration.id == WebhookTarget.configuration_id)
        .where(WebhookTarget.owner_id == batch.id)
        .order_by(WebhookTarget.number)
    )
    found = []
    for target, stored in await session.execute(query):
        given = target.endpoint or {}
        wanted = stored if target.configuration_id else given.get("webhook_events")
        own_jobs = target.events is not None
        events = subscribed_events(batch.api, batch.job_type, wanted, own_jobs=own_jobs)
        if own_jobs:
            events = tuple(event for event in events if event in target.events)
        if events:
            endpoint = target.configuration_id or endpoint_id_of(
                batch.project_id, given["webhook_url"]
            )
            found.append({"number": target.number, "endpoint": endpoint, "events": list(events)})
    return found or None


def endpoint_id_of(project_id: str, url: str) -> str:
    """Return the id of an inline endpoint. Equal URLs are the same endpoint."""
    return derived_id(Prefix.WEBHOOK_ENDPOINT, project_id, url)


async def record_batch_event(session: AsyncSession, batch: Batch, tally: Tally = Tally()) -> None:  # noqa: B008 - immutable
    """Write an event with the status in the batch row; idempotent."""
    subscribers = Subscribers.of(batch, batch.id, batch.epoch)
    event = BATCH_EVENTS.get(BatchStatus(batch.status))
    if subscribers is None or not subscribers.wants(event):
        return
    data = {
        "id": batch.id,
        "job_id": batch.id,
        "project_id": batch.project_id,
        "source_directory_id": batch.directory_id,
        "status": batch.status,
        "created_at": _iso(batch.created_at),
        "updated_at": _iso(batch.updated_at),
        "counts": {"total": batch.total, **tally.model_dump()},
    }
    if "job" in batch.config:
        data["config"] = {"job": batch.config["job"]}
    await _add(session, subscribers, str(event), {batch.id: data})


async def record_job_events(
    session: AsyncSession,
    subscribers: Subscribers | None,
    state: JobState,
    jobs: Sequence[JobEvent],
) -> None:
    """Write an event for each of ``jobs`` with their new ``state``; idempotent."""
    if subscribers is None or not jobs:
        return
    event = job_event(subscribers.job_type, state)
    if event is None or not subscribers.wants(event):
        return
    await _add(
        session, subscribers, event, {job.job_id: _data(subscribers, state, job) for job in jobs}
    )


def _data(subscribers: Subscribers, state: JobState, job: JobEvent) -> dict[str, Any]:
    data: dict[str, Any] = {
        "id": job.job_id,
        "job_id": job.job_id,
        "project_id": subscribers.project_id,
        "status": state.status,
    }
    if not subscribers.alone:
        data |= {"batch_id": subscribers.batch_id, "source_directory_file_id": job.item_id}
    if job.failure_class is not None:
        data["failure_class"] = job.failure_class
    return data


async def _add(
    session: AsyncSession, subscribers: Subscribers, event: str, data_of: dict[str, dict[str, Any]]
) -> None:
    """Insert one row for each subject and subscriber of the event."""
    place = {
        "project_id": subscribers.project_id,
        "namespace": subscribers.namespace,
        "owner_id": subscribers.batch_id,
        "event_type": event,
        "state": "pending",
        "created_at": now(),
        **{"announced": False, "turn": ORDINARY, "attempts": 0, "tries": 0},
    }
    rows = [
        place
        | {
            "id": derived_uuid(subscribers.batch_id, number, subscribers.epoch, event, subject),
            "number": number,
            "endpoint_id": target["endpoint"],
            "subject_id": subject,
            "data": data,
        }
        for target in subscribers.targets
        if event in target["events"]
        for number in (target["number"],)
        for subject, data in data_of.items()
    ]
    await session.execute(insert_into(session, WebhookEvent).on_conflict_do_nothing(), rows)


def _iso(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat()
