"""Webhooks of batches and jobs that the official clients create, and the delivery log."""

import hashlib
import hmac
import json
from typing import Any

import httpx

from tests.api.steps import all_items, ok
from tests.fixtures.mill import until
from tests.fixtures.receivers import Call, Receiver
from tests.fixtures.running import RunningDocmill
from tests.fixtures.sdks import Sdk

DOCMILL = "/api/docmill/v1"
SECRET = "only the receiver knows"


def _authentic(call: Call) -> bool:
    mac = hmac.new(SECRET.encode(), call.body, hashlib.sha256).hexdigest()
    return call.headers.get("LC-Signature") == f"sha256={mac}"


async def _until_came(receiver: Receiver, expected: dict[str, list[str]]) -> None:
    async def all_there() -> bool:
        return all(len(receiver.events(path)) >= len(types) for path, types in expected.items())

    await until(all_there)
    assert {path: sorted(receiver.events(path)) for path in expected} == {
        path: sorted(types) for path, types in expected.items()
    }


async def test_webhooks_report_a_batch_and_a_job_of_the_latest_client(
    running: RunningDocmill, latest_sdk: Sdk, receiver: Receiver, live: httpx.AsyncClient
) -> None:
    made = latest_sdk.run("webhooks_v2.py", running.url, receiver.url(""), SECRET)
    await _until_came(
        receiver,
        {
            "/inline": ["batch.pending", "batch.running", "batch.success"],
            "/stored": ["batch.success"],
            "/files": ["parse.pending", "parse.running", "parse.success"],
            "/job": ["parse.success"],
        },
    )
    by_path = {call.path: call for call in receiver.calls}
    assert all(_authentic(by_path[path]) for path in ("/inline", "/stored", "/files"))
    assert by_path["/inline"].headers["X-Team"] == "mill"
    assert by_path["/inline"].headers["User-Agent"] == "llamaindex-webhook-service/1.0"
    assert isinstance(json.loads(by_path["/inline"].body), str)
    stored = json.loads(by_path["/stored"].body)
    assert stored["data"]["id"] == stored["data"]["job_id"] == made["batch"]
    assert stored["data"]["status"] == "COMPLETED"
    assert by_path["/job"].event["data"]["id"] == made["job"]
    assert "batch_id" not in by_path["/job"].event["data"]
    ids = [call.headers["X-Webhook-Event-ID"] for call in receiver.calls]
    assert len(ids) == len(set(ids))
    listed = await all_items(live, f"{DOCMILL}/webhook-events", owner_id=made["batch"], page_size=2)
    assert len(listed) == 7
    assert {row["state"] for row in listed} == {"delivered"}


async def test_v1_batch_sends_events_of_its_files_and_one_at_its_end(
    running: RunningDocmill, v1_sdk: Sdk, receiver: Receiver
) -> None:
    made = v1_sdk.run("webhooks_v1.py", running.url, receiver.url(""))
    await _until_came(
        receiver,
        {
            "/all": ["parse.pending", "parse.running", "parse.success"],
            "/plain": ["parse.success"],
            "/end": ["batch.success"],
        },
    )
    (end,) = [call for call in receiver.calls if call.path == "/end"]
    assert end.event["data"]["id"] == made["batch"]


async def _tested(live: httpx.AsyncClient, receiver: Receiver) -> dict[str, Any]:
    """Make an endpoint, send it a test call, and return the event with its log."""
    endpoint = await ok(
        await live.post(
            "/api/v1/beta/webhook-configs",
            json={"webhook_url": receiver.url(), "webhook_signing_secret": SECRET},
        ),
        201,
    )
    event = await ok(await live.post(f"{DOCMILL}/webhook-configs/{endpoint['id']}/test"), 202)

    async def was_tried() -> bool:
        return bool((await _event(live, event["id"]))["log"])

    await until(was_tried)
    return await _event(live, event["id"])


async def _event(live: httpx.AsyncClient, event_id: str) -> dict[str, Any]:
    found: dict[str, Any] = await ok(await live.get(f"{DOCMILL}/webhook-events/{event_id}"))
    return found


async def test_test_call_shows_the_answer_of_the_receiver(
    live: httpx.AsyncClient, receiver: Receiver
) -> None:
    tested = await _tested(live, receiver)
    assert tested["state"] == "delivered"
    assert [one["status_code"] for one in tested["log"]] == [200]
    assert _authentic(receiver.calls[0])
    assert receiver.events() == ["webhook.test"]
    assert SECRET not in json.dumps(tested)
    assert str(receiver.port) not in json.dumps(tested)


async def test_event_is_redelivered_with_its_id_on_request(
    live: httpx.AsyncClient, receiver: Receiver
) -> None:
    tested = await _tested(live, receiver)
    again = await live.post(f"{DOCMILL}/webhook-events/{tested['id']}/redeliver")
    assert (await ok(again, 202))["state"] == "pending"

    async def came_twice() -> bool:
        return len((await _event(live, tested["id"]))["log"]) == 2

    await until(came_twice)
    assert {call.headers["webhook-id"] for call in receiver.calls} == {tested["id"]}


async def test_event_of_a_deleted_endpoint_cannot_be_redelivered(
    live: httpx.AsyncClient, receiver: Receiver
) -> None:
    tested = await _tested(live, receiver)
    await ok(await live.delete(f"/api/v1/beta/webhook-configs/{tested['endpoint_id']}"), 204)
    again = await live.post(f"{DOCMILL}/webhook-events/{tested['id']}/redeliver")
    assert again.status_code == 409
    assert (await live.get(f"{DOCMILL}/webhook-events/none")).status_code == 404
    assert (await live.post(f"{DOCMILL}/webhook-configs/none/test")).status_code == 404
