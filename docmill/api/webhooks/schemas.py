"""Request and response models of webhook endpoints and events."""

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
    """Convert numbers and booleans to JSON: LlamaCloud types header values as any object."""
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
    """An endpoint of one batch or job; without a URL it has no effect."""

    webhook_url: WebhookUrl | None = None
    webhook_events: list[WebhookEvent] | None = None
    webhook_headers: WebhookHeaders | None = None
    webhook_output_format: WebhookFormat | None = None
    webhook_signing_secret: WebhookSecret | None = None


class WebhookCreate(RequestModel):
    """A new stored endpoint; without events it gets all of them."""

    webhook_url: WebhookUrl
    webhook_events: WebhookEvents | None = None
    webhook_headers: WebhookHeaders | None = None
    webhook_output_format: WebhookFormat | None = None
    webhook_signing_secret: WebhookSecret | None = None


class WebhookUpdate(RequestModel):
    """Changes of an endpoint; omitted fields keep their values."""

    webhook_url: WebhookUrl | None = None
    webhook_events: WebhookEvents | None = None
    webhook_headers: WebhookHeaders | None = None
    webhook_output_format: WebhookFormat | None = None
    webhook_signing_secret: WebhookSecret | None = None


class WebhookView(WireModel):
    """A stored endpoint; its secret is never returned."""

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
        endpoint_id: the stored endpoint, or an id derived from an inline endpoint's URL.
        owner_id: the batch; the batch of a single job; for a test event the endpoint.
        state: ``given_up`` and ``dropped`` events are not sent again, unless redelivered.
        attempts: number of delivery attempts.
        next_attempt_at: earliest time of the next attempt; null if it is due, or has ended.
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
    """One delivery attempt; ``error`` is null if it succeeded."""

    number: int
    at: datetime
    status_code: int | None
    duration_ms: int
    error: str | None


class WebhookEventDetails(WebhookEventView):
    """One event with all its delivery attempts, oldest first."""

    log: list[WebhookAttemptView]
