"""Routes of Docmill's own for webhooks: the delivery log, test events, redelivery."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query

from docmill.api.core.pagination import decode_token, page
from docmill.api.core.scope import CurrentScope
from docmill.api.core.services import CurrentServices
from docmill.api.core.wire import CursorPage, PageSize, Text, page_limit
from docmill.api.webhooks.schemas import (
    WebhookAttemptView,
    WebhookEventDetails,
    WebhookEventView,
    WebhookState,
)
from docmill.records.deliveries import Deliveries
from docmill.records.tables.webhooks import WebhookEvent
from docmill.records.webhooks import Webhooks

router = APIRouter(prefix="/api/docmill/v1", tags=["Docmill: webhooks"])


def view(row: WebhookEvent) -> WebhookEventView:
    """Return an event as a response model."""
    return WebhookEventView(
        id=row.id,
        endpoint_id=row.endpoint_id,
        owner_id=row.owner_id,
        event_type=row.event_type,
        data=row.data,
        state=row.state,
        attempts=row.attempts,
        next_attempt_at=row.next_at,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )


@router.get("/webhook-events")
async def list_webhook_events(
    services: CurrentServices,
    scope: CurrentScope,
    *,
    endpoint_id: Annotated[Text | None, Query()] = None,
    owner_id: Annotated[Text | None, Query()] = None,
    event_type: Annotated[Text | None, Query()] = None,
    state: Annotated[WebhookState | None, Query()] = None,
    page_size: Annotated[PageSize, Query()] = None,
    page_token: Annotated[Text | None, Query()] = None,
) -> CursorPage[WebhookEventView]:
    """List the delivery log, newest first; ``owner_id`` is a batch."""
    filters: Mapping[str, Any] = {
        "endpoint_id": endpoint_id,
        "owner_id": owner_id,
        "event_type": event_type,
        "state": state,
    }
    async with services.database.read() as session:
        found = await Deliveries(session).list(
            scope.project_id,
            limit=page_limit(page_size),
            cursor=decode_token(page_token, scope.project_id, filters),
            **filters,
        )
    return page(found, view, scope.project_id, filters)


@router.get("/webhook-events/{event_id}")
async def get_webhook_event(
    services: CurrentServices, scope: CurrentScope, event_id: str
) -> WebhookEventDetails:
    """Return one event with all its delivery attempts."""
    async with services.database.read() as session:
        deliveries = Deliveries(session)
        event = await deliveries.get(scope.project_id, event_id)
        attempts = await deliveries.attempts(event_id)
    log = [WebhookAttemptView.model_validate(one) for one in attempts]
    return WebhookEventDetails(**view(event).model_dump(), log=log)


@router.post("/webhook-events/{event_id}/redeliver", status_code=202)
async def redeliver_webhook_event(
    services: CurrentServices, scope: CurrentScope, event_id: str
) -> WebhookEventView:
    """Deliver an event again, at once and with the same id, whatever its state."""
    async with services.database.write() as session:
        return view(await Deliveries(session).retry(scope.project_id, event_id))


@router.post("/webhook-configs/{config_id}/test", status_code=202)
async def send_test_event(
    services: CurrentServices, scope: CurrentScope, config_id: str
) -> WebhookEventView:
    """Send a ``webhook.test`` event to a stored endpoint; its id shows the outcome in the log."""
    async with services.database.write() as session:
        endpoint = await Webhooks(session).get(scope.project_id, config_id)
        namespace = services.temporal.namespace
        return view(await Deliveries(session).add_test(endpoint, namespace))
