"""Signatures, checked by independent code."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from docmill.records.deliveries import Destination
from docmill.records.tables.webhooks import WebhookEvent
from docmill.webhooks.messages import allowed_headers, forbidden_headers, message_of

SECRET = "not printed anywhere"


def _event() -> WebhookEvent:
    return WebhookEvent(
        id="7a2c",
        event_type="batch.success",
        data={"id": "bat-1", "status": "COMPLETED"},
        created_at=datetime(2026, 11, 22, 5, 0, tzinfo=UTC),
    )


def _to(secret: str | None = SECRET, output_format: str = "json", **headers: str) -> Destination:
    return Destination("https://example.com/hook", headers, output_format, secret)


def test_llamacloud_signature_covers_the_bytes_that_are_sent() -> None:
    for output_format in ("json", "string"):
        message = message_of(_event(), _to(output_format=output_format), 1)
        mac = hmac.new(SECRET.encode(), message.body, hashlib.sha256).hexdigest()
        assert message.headers["LC-Signature"] == f"sha256={mac}"


def test_standard_signature_covers_id_time_and_bytes() -> None:
    message = message_of(_event(), _to(), 1_700_000_000)
    signed = b"7a2c.1700000000." + message.body
    mac = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert message.headers["webhook-signature"] == f"v1,{mac}"
    assert message.headers["webhook-id"] == "7a2c"
    assert message.headers["webhook-timestamp"] == "1700000000"


def test_standard_signature_decodes_a_secret_in_the_standard_form() -> None:
    key = b"thirty-two bytes of random matter"
    message = message_of(_event(), _to("whsec_" + base64.b64encode(key).decode()), 5)
    mac = base64.b64encode(hmac.new(key, b"7a2c.5." + message.body, hashlib.sha256).digest())
    assert message.headers["webhook-signature"] == f"v1,{mac.decode()}"


def test_delivery_without_a_secret_is_not_signed() -> None:
    headers = message_of(_event(), _to(None), 1).headers
    assert not {"LC-Signature", "webhook-signature"} & headers.keys()


def test_output_format_decides_whether_the_object_is_a_string() -> None:
    as_object = message_of(_event(), _to(), 1).body.decode()
    assert as_object.startswith('{"event_id": "7a2c", "event_type": "batch.success", "timestamp"')
    as_string = message_of(_event(), _to(output_format="string"), 1).body.decode()
    assert as_string.startswith('"{\\"event_id\\"')


@pytest.mark.parametrize(
    "name",
    ["Host", "content-LENGTH", "Transfer-Encoding", "Connection", "LC-Signature", "webhook-id"],
)
def test_custom_headers_that_docmill_sets_or_that_split_requests_are_never_sent(name: str) -> None:
    given = {name: "x", "Authorization": "Bearer t"}
    assert forbidden_headers(given) == [name]
    assert allowed_headers(given) == {"Authorization": "Bearer t"}
    assert message_of(_event(), _to(None, **given), 1).headers.get(name) != "x"
