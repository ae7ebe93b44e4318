"""A webhook receiver: checks both signatures, refuses replays and forgeries, prints each event.

    WEBHOOK_SECRET=… python examples/webhook_receiver.py PORT

Needs Python only. Listens on loopback; ``DOCMILL_FENCE_ALLOW=127.0.0.1`` lets Docmill call it.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = os.environ["WEBHOOK_SECRET"]
TOLERANCE_SECONDS = 300
"""An attempt is signed when it is made, so one that is older than this was sent by another."""

seen: set[str] = set()
"""Ids of events that were taken. A real receiver keeps them in its database for as long as
`TOLERANCE_SECONDS`, in the transaction of what it does about the event."""


def standard_key(secret: str) -> bytes:
    """The key of Standard Webhooks: what stands behind ``whsec_``, or the secret's own bytes."""
    if secret.startswith("whsec_"):
        return base64.b64decode(secret.removeprefix("whsec_"))
    return secret.encode()


def complaint(headers: Any, body: bytes) -> str | None:
    """Why a request is not taken, or None. Signatures are over the raw bytes: check, then parse."""
    mac = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(f"sha256={mac}", headers.get("LC-Signature", "")):
        return "LC-Signature is wrong"
    event_id, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signed = f"{event_id}.{sent_at}.".encode() + body
    standard = base64.b64encode(hmac.new(standard_key(SECRET), signed, hashlib.sha256).digest())
    given = headers.get("webhook-signature", "").split()
    if not any(hmac.compare_digest(f"v1,{standard.decode()}", one) for one in given):
        return "webhook-signature is wrong"
    if abs(time.time() - int(sent_at)) > TOLERANCE_SECONDS:
        return "too old: a replay"
    return None


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to every genuine event, also to one that it has had before."""

    def do_POST(self) -> None:
        """Take one event."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        wrong = complaint(self.headers, body)
        if wrong is None:
            self._take(body)
        else:
            print(f"refused: {wrong}", flush=True)
        self.send_response(204 if wrong is None else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _take(self, body: bytes) -> None:
        payload = json.loads(body)
        event = json.loads(payload) if isinstance(payload, str) else payload
        if event["event_id"] in seen:
            return  # delivered once more; it is answered like the first time
        seen.add(event["event_id"])
        data = event["data"]
        print(event["event_type"], data["id"], data["status"], flush=True)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing but what happens to events."""


def main() -> None:
    """Receive until stopped."""
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()


if __name__ == "__main__":
    main()
