"""Webhook messages: the body of an event, its headers, and its two signatures.

LlamaCloud's signature covers only the body. That of Standard Webhooks also covers id and time, so
that a receiver can reject replayed messages.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from docmill.records.deliveries import Destination
from docmill.records.tables.webhooks import WebhookEvent

USER_AGENT = "llamaindex-webhook-service/1.0"
"""LlamaCloud's user agent, which receivers and their firewalls may check."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request to an endpoint."""

    url: str
    headers: dict[str, str]
    body: bytes


def message_of(event: WebhookEvent, destination: Destination, timestamp: int) -> Message:
    """Return the message of an event for its endpoint.

    Args:
        event: all attempts have its id and its body.
        destination: its endpoint.
        timestamp: of this attempt, in seconds since 1970; only in the standard signature.
    """
    body = _body(event, destination.output_format)
    headers = {
        **allowed_headers(destination.headers),
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
    """Return the payload; the format ``string`` is a JSON string that contains the JSON object."""
    payload = json.dumps(
        {
            "event_id": event.id,
            "event_type": event.event_type,
            "timestamp": event.created_at.timestamp(),
            "data": event.data,
        }
    )
    return (payload if output_format == "json" else json.dumps(payload)).encode()


_FORBIDDEN = frozenset(
    {
        # hop-by-hop headers, which frame or authorize a request
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "expect",
        # determined by the URL, which the fence has checked
        "host",
        # headers that a receiver relies on
        "content-encoding",
        "content-type",
        "user-agent",
        "lc-signature",
        "x-webhook-event-id",
        "x-webhook-event-type",
    }
)
_FORBIDDEN_PREFIX = "webhook-"


def forbidden_headers(names: Iterable[str]) -> list[str]:
    """Return those of ``names`` that users must not set."""
    return [
        name
        for name in names
        if name.lower() in _FORBIDDEN or name.lower().startswith(_FORBIDDEN_PREFIX)
    ]


def allowed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that may be sent; rows of older versions may have forbidden ones."""
    rejected = set(forbidden_headers(headers))
    return {name: value for name, value in headers.items() if name not in rejected}


_PREFIX = "whsec_"


def llamacloud_signature(secret: str, body: bytes) -> str:
    """Return the value of ``LC-Signature``: the key is the secret's own bytes."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard_signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of ``webhook-signature``."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    mac = hmac.new(standard_key(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(mac).decode()


def standard_key(secret: str) -> bytes:
    """Return the key of a secret in Standard Webhooks.

    A secret in that scheme's format, ``whsec_`` and base64, is decoded. Any other secret is used as
    its bytes; a receiver passes ``whsec_`` and their base64 to a library of the scheme.
    """
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()
