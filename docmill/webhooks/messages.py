"""One event as a request: the body's bytes and the headers over them."""

import json
from dataclasses import dataclass

from docmill.records.deliveries import Destination
from docmill.records.tables.webhooks import WebhookEvent
from docmill.webhooks.headers import allowed
from docmill.webhooks.signing import llamacloud_signature, standard_signature

USER_AGENT = "llamaindex-webhook-service/1.0"
"""LlamaCloud's own, which receivers and their firewalls may look for."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent, and where to."""

    url: str
    headers: dict[str, str]
    body: bytes


def message_of(event: WebhookEvent, destination: Destination, timestamp: int) -> Message:
    """Return an event as it goes to its endpoint now.

    Args:
        event: every attempt has its id and its body.
        destination: its endpoint.
        timestamp: of this attempt, in seconds since 1970; part of the standard signature only.
    """
    body = _body(event, destination.output_format)
    headers = {
        **allowed(destination.headers),
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "X-Webhook-Event-ID": event.id,
        "X-Webhook-Event-Type": event.event_type,
        "webhook-id": event.id,
        "webhook-timestamp": str(timestamp),
    }
    if destination.secret:
        headers["LC-Signature"] = llamacloud_signature(destination.secret, body)
        headers["webhook-signature"] = standard_signature(
            destination.secret, event.id, timestamp, body
        )
    return Message(destination.url, headers, body)


def _body(event: WebhookEvent, output_format: str) -> bytes:
    """Return the payload; the format ``string`` is a JSON string with the JSON object inside."""
    payload = json.dumps(
        {
            "event_id": event.id,
            "event_type": event.event_type,
            "timestamp": event.created_at.timestamp(),
            "data": event.data,
        }
    )
    return (payload if output_format == "json" else json.dumps(payload)).encode()
