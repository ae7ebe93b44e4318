"""The example receiver accepts only what Docmill sends."""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime

import httpx

from docmill.embedded.addresses import free_port
from docmill.records.deliveries import Destination
from docmill.records.tables.webhooks import WebhookEvent
from docmill.webhooks.messages import message_of
from tests.fixtures.mill import Mill
from tests.house.code import ROOT
from tests.webhooks.conftest import SECRET, add_targets, deliveries, pending_batch


async def test_example_receiver_accepts_a_delivery_and_rejects_replays_and_forgeries(
    hook_mill: Mill,
) -> None:
    port = free_port()
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "examples/webhook_receiver.py"),
        str(port),
        env={**os.environ, "WEBHOOK_SECRET": SECRET},
        stdout=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    try:
        url = f"http://127.0.0.1:{port}/"
        await add_targets(hook_mill.database, "bat-1", url, webhook_signing_secret=SECRET)
        await pending_batch(hook_mill.database, "bat-1")
        async with deliveries(hook_mill):
            taken = await program.stdout.readline()
        assert taken == b"batch.pending bat-1 PENDING\n"
        async with httpx.AsyncClient() as client:
            old = _signed(url, timestamp=1_700_000_000)
            assert (await client.post(url, headers=old[0], content=old[1])).status_code == 401
            headers, body = _signed(url, timestamp=int(datetime.now(UTC).timestamp()))
            forged = body.replace(b"COMPLETED", b"CANCELLED")
            assert (await client.post(url, headers=headers, content=forged)).status_code == 401
    finally:
        program.terminate()
        await program.wait()


def _signed(url: str, timestamp: int) -> tuple[dict[str, str], bytes]:
    event = WebhookEvent(
        id="7a2c",
        event_type="batch.success",
        data={"id": "bat-1", "status": "COMPLETED"},
        created_at=datetime.now(UTC),
    )
    message = message_of(event, Destination(url, {}, "json", SECRET), timestamp)
    assert json.loads(message.body)["event_id"] == "7a2c"
    return message.headers, message.body
