"""Events on their way to webhooks, on the wire: without URLs, headers and secrets."""

from datetime import datetime
from typing import Any, Literal

from docmill.api.wire import WireModel

WebhookState = Literal["pending", "delivered", "given_up", "dropped"]


class WebhookEventView(WireModel):
    """One event for one endpoint.

    Attributes:
        endpoint_id: the stored endpoint, or an id that belongs to an inline endpoint's URL.
        owner_id: the batch; for a single job its batch of one, for a test call the endpoint.
        state: ``given_up`` and ``dropped`` events are sent no more, unless they are asked for.
        attempts: so far.
        next_attempt_at: not before; null when it is due, or has ended.
    """

    id: str
    endpoint_id: str
    owner_id: str
    event_type: str
    data: dict[str, Any]
    state: WebhookState
    attempts: int
    next_attempt_at: datetime | None = None
    created_at: datetime
    ended_at: datetime | None = None


class WebhookAttemptView(WireModel):
    """One attempt; ``error`` says why it does not count, and is null when it does."""

    number: int
    at: datetime
    status_code: int | None
    duration_ms: int
    error: str | None


class WebhookEventDetails(WebhookEventView):
    """One event with every attempt to deliver it, the first one first."""

    log: list[WebhookAttemptView]
