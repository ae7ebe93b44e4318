"""Webhook endpoints on the wire."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, StringConstraints

from docmill.api.core.wire import ProjectId, RequestModel, WireModel

WebhookEvent = Literal[
    "batch.pending", "batch.running", "batch.success", "batch.error", "batch.cancelled",
    "parse.pending", "parse.running", "parse.success", "parse.error", "parse.partial_success",
    "parse.cancelled",
    "extract.pending", "extract.success", "extract.error", "extract.partial_success",
    "extract.cancelled",
    "classify.pending", "classify.running", "classify.success", "classify.error",
    "classify.partial_success", "classify.cancelled",
    "split.pending", "split.processing", "split.success", "split.error", "split.cancelled",
    "sheets.pending", "sheets.success", "sheets.error", "sheets.partial_success",
    "sheets.cancelled",
    "verify.pending", "verify.running", "verify.success", "verify.error", "verify.cancelled",
    "unmapped_event",
]  # fmt: skip
EVENTS: tuple[str, ...] = get_args(WebhookEvent)

WebhookUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+", max_length=2_000)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")]


def _as_text(value: Any) -> Any:
    """Upstream types header values as any object: numbers and booleans are sent as JSON."""
    return json.dumps(value) if isinstance(value, bool | int | float) else value


HeaderValue = Annotated[
    str,
    BeforeValidator(_as_text),
    StringConstraints(pattern=r"^[\t\x20-\x7e]*$", max_length=2_000),
]
WebhookHeaders = Annotated[dict[HeaderName, HeaderValue], Field(max_length=50)]
WebhookEvents = Annotated[list[WebhookEvent], Field(min_length=1)]
WebhookFormat = Literal["string", "json"]
WebhookSecret = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class InlineWebhook(RequestModel):
    """An endpoint given with one batch or job; without a URL it does nothing."""

    webhook_url: WebhookUrl | None = None
    webhook_events: list[WebhookEvent] | None = None
    webhook_headers: WebhookHeaders | None = None
    webhook_output_format: WebhookFormat | None = None
    webhook_signing_secret: WebhookSecret | None = None


class WebhookCreate(RequestModel):
    """A stored endpoint; no events means all of them."""

    webhook_url: WebhookUrl
    webhook_events: WebhookEvents | None = None
    webhook_headers: WebhookHeaders | None = None
    webhook_output_format: WebhookFormat | None = None
    webhook_signing_secret: WebhookSecret | None = None


class WebhookUpdate(RequestModel):
    """What changes; what is left out stays. Sending the secret rotates it."""

    webhook_url: WebhookUrl | None = None
    webhook_events: WebhookEvents | None = None
    webhook_headers: WebhookHeaders | None = None
    webhook_output_format: WebhookFormat | None = None
    webhook_signing_secret: WebhookSecret | None = None


class WebhookView(WireModel):
    """A stored endpoint; its secret is never shown."""

    id: str
    tenant_type: Literal["project"] = "project"
    tenant_id: ProjectId
    webhook_url: str
    has_secret: bool
    webhook_events: list[str] | None = None
    webhook_headers: dict[str, str] | None = None
    webhook_output_format: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


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
