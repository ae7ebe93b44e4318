"""Deliveries of webhook events: due events, attempts, and the delivery log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, Unpack
from uuid import uuid4

from sqlalchemy import ColumnElement, Select, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.webhook_events import TEST_EVENT
from docmill.errors import ConflictError, NotFoundError
from docmill.records.keyset import DEFAULT_LIMIT, Slice, page_of
from docmill.records.statements import chunked
from docmill.records.tables.api import WebhookConfiguration, WebhookTarget
from docmill.records.tables.base import now
from docmill.records.tables.webhooks import ORDINARY, URGENT, WebhookAttempt, WebhookEvent

PENDING = "pending"
DELIVERED = "delivered"
GIVEN_UP = "given_up"
DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Destination:
    """Current target of an endpoint's events. It is never displayed, since URLs may be secret."""

    url: str
    headers: dict[str, str]
    output_format: str
    secret: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver an event.

    Attributes:
        status_code: None when the endpoint did not answer.
        error: reason of the failure; None for a success.
    """

    at: datetime
    duration_ms: int
    status_code: int | None = None
    error: str | None = None


class EventFilters(TypedDict, total=False):
    """Filters of the delivery log. A missing filter or None selects all."""

    endpoint_id: str | None
    owner_id: str | None
    event_type: str | None
    state: str | None


class Deliveries:
    """Queries over events in the outbox."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    # -- endpoints to wake up -----------------------------------------------------------------

    async def unannounced(self, namespace: str, limit: int) -> Sequence[WebhookEvent]:
        """Return events that are not announced to their endpoint's workflow, oldest first."""
        query = (
            select(WebhookEvent)
            .where(*_pending(namespace), WebhookEvent.announced.is_(False))
            .order_by(WebhookEvent.created_at, WebhookEvent.id)
            .limit(limit)
        )
        return (await self._session.scalars(query)).all()

    async def mark_announced(self, event_ids: Sequence[str]) -> None:
        """Record that the endpoint's workflow was notified of these events."""
        for some in chunked(event_ids):
            announce = update(WebhookEvent).where(WebhookEvent.id.in_(some))
            await self._session.execute(announce.values(announced=True))

    async def waiting_endpoints(self, namespace: str) -> Sequence[str]:
        """Return all endpoints with undelivered events."""
        query = select(WebhookEvent.endpoint_id).where(*_pending(namespace)).distinct()
        return (await self._session.scalars(query)).all()

    # -- one endpoint's events --------------------------------------------------------------

    async def due(
        self, namespace: str, endpoint_id: str, at: datetime, limit: int
    ) -> Sequence[WebhookEvent]:
        """Return an endpoint's events that are due at ``at``: urgent ones first, then by age."""
        query = (
            select(WebhookEvent)
            .where(
                *_pending(namespace, endpoint_id),
                or_(WebhookEvent.next_at.is_(None), WebhookEvent.next_at <= at),
            )
            .order_by(WebhookEvent.turn, WebhookEvent.created_at, WebhookEvent.id)
            .limit(limit)
        )
        return (await self._session.scalars(query)).all()

    async def next_at(self, namespace: str, endpoint_id: str, at: datetime) -> datetime | None:
        """Return when an endpoint's next event is due, ``at`` or later; None if it has none."""
        moment = func.coalesce(WebhookEvent.next_at, at, type_=WebhookEvent.next_at.type)
        query = select(func.min(moment)).where(*_pending(namespace, endpoint_id))
        return await self._session.scalar(query)

    async def destination(self, event: WebhookEvent) -> Destination | None:
        """Return the current target of an event; None if its endpoint was deleted."""
        stored = await self._session.get(WebhookConfiguration, event.endpoint_id)
        if stored is not None:
            return Destination(
                stored.webhook_url,
                stored.webhook_headers or {},
                stored.webhook_output_format or "string",
                stored.signing_secret,
            )
        target = await self._session.get(WebhookTarget, (event.owner_id, event.number))
        if target is None or target.endpoint is None:
            return None
        given = target.endpoint
        return Destination(
            given["webhook_url"],
            given.get("webhook_headers") or {},
            given.get("webhook_output_format") or "string",
            given.get("webhook_signing_secret"),
        )

    async def record(
        self, event_id: str, attempt: Attempt, *, next_at: datetime | None, state: str
    ) -> None:
        """Record an attempt and the new state of the event, unless it was delivered before."""
        ours = update(WebhookEvent).where(WebhookEvent.id == event_id)
        counted = ours.values(
            attempts=WebhookEvent.attempts + 1, tries=WebhookEvent.tries + 1
        ).returning(WebhookEvent.attempts)
        number = await self._session.scalar(counted)
        if number is None:
            return  # retention deleted it meanwhile
        ended = None if state == PENDING else now()
        changed = ours.where(WebhookEvent.state == PENDING)
        await self._session.execute(
            changed.values(
                state=state, next_at=next_at, turn=ORDINARY, announced=True, ended_at=ended
            )
        )
        self._session.add(
            WebhookAttempt(
                event_id=event_id,
                number=number,
                at=attempt.at,
                status_code=attempt.status_code,
                duration_ms=attempt.duration_ms,
                error=attempt.error,
            )
        )
        await self._session.flush()

    async def drop(self, event_id: str) -> None:
        """Set the state of an event whose endpoint was deleted."""
        gone = update(WebhookEvent).where(WebhookEvent.id == event_id)
        await self._session.execute(gone.values(state=DROPPED, announced=True, ended_at=now()))

    async def make_due(self, namespace: str, endpoint_id: str) -> None:
        """Make all events of an endpoint due, because it answers again."""
        waiting = update(WebhookEvent).where(*_pending(namespace, endpoint_id))
        await self._session.execute(waiting.values(next_at=None))

    # -- the log, and requests of users --------------------------------------------------

    async def get(self, project_id: str, event_id: str) -> WebhookEvent:
        """Return one event.

        Raises:
            NotFoundError: the project has none with this id.
        """
        found = await self._session.get(WebhookEvent, event_id, populate_existing=True)
        if found is None or found.project_id != project_id:
            raise NotFoundError(f"No webhook event {event_id}.", "List events to see their ids.")
        return found

    async def attempts(self, event_id: str) -> Sequence[WebhookAttempt]:
        """Return all attempts to deliver an event, oldest first."""
        query = select(WebhookAttempt).where(WebhookAttempt.event_id == event_id)
        return (await self._session.scalars(query.order_by(WebhookAttempt.number))).all()

    async def list(
        self,
        project_id: str,
        *,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
        **filters: Unpack[EventFilters],
    ) -> Slice[WebhookEvent]:
        """Return one page of events, newest first."""
        query: Select[Any] = select(WebhookEvent).where(WebhookEvent.project_id == project_id)
        for name, value in filters.items():
            if value is not None:
                query = query.where(getattr(WebhookEvent, name) == value)
        key = (WebhookEvent.created_at, WebhookEvent.id)
        return await page_of(self._session, query, key, limit=limit, token=cursor)

    async def retry(self, project_id: str, event_id: str) -> WebhookEvent:
        """Make an event due again, with the delays of a new event and the same id.

        Raises:
            NotFoundError: the project has none with this id.
            ConflictError: its endpoint was deleted.
        """
        event = await self.get(project_id, event_id)
        if await self.destination(event) is None:
            raise ConflictError(f"The endpoint of the event {event_id} was deleted.")
        event.state, event.turn, event.announced = PENDING, URGENT, False
        event.tries, event.next_at, event.ended_at = 0, None, None
        await self._session.flush()
        return event

    async def add_test(self, endpoint: WebhookConfiguration, namespace: str) -> WebhookEvent:
        """Add a test event for a stored endpoint to the outbox."""
        event = WebhookEvent(
            id=str(uuid4()),
            project_id=endpoint.project_id,
            namespace=namespace,
            endpoint_id=endpoint.id,
            owner_id=endpoint.id,
            number=0,
            event_type=TEST_EVENT,
            subject_id=endpoint.id,
            data={"id": endpoint.id, "project_id": endpoint.project_id, "status": "TEST"},
            turn=URGENT,
        )
        self._session.add(event)
        await self._session.flush()
        return event

    async def drop_all(self) -> None:
        """Give up all waiting events of the session's project."""
        waiting = update(WebhookEvent).where(WebhookEvent.state == PENDING)
        await self._session.execute(
            waiting.values(state=DROPPED, announced=True, ended_at=now()),
            execution_options={"synchronize_session": False},
        )

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete events that ended before ``before`` from the log; return their number."""
        old = select(WebhookEvent.id).where(WebhookEvent.ended_at < before).limit(limit)
        gone = delete(WebhookEvent).where(WebhookEvent.id.in_(old)).returning(WebhookEvent.id)
        return len((await self._session.scalars(gone)).all())


def _pending(namespace: str, endpoint_id: str | None = None) -> list[ColumnElement[bool]]:
    conditions = [WebhookEvent.state == PENDING, WebhookEvent.namespace == namespace]
    if endpoint_id is not None:
        conditions.append(WebhookEvent.endpoint_id == endpoint_id)
    return conditions
