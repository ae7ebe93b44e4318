"""Deliveries by real workers to real receivers."""

import signal
from pathlib import Path
from threading import Event

import pytest

from docmill.contracts.deliveries import delivery_workflow_id
from docmill.records.deliveries import Deliveries
from tests.fixtures.faults import FaultProxy
from tests.fixtures.mill import Mill, until, write_texts
from tests.fixtures.receivers import Receiver
from tests.fixtures.worker_process import worker_process
from tests.webhooks.conftest import (
    SECRET,
    add_targets,
    aim_all,
    arrived,
    attempts,
    deliveries,
    hooked,
    outbox,
    pending_batch,
    until_states,
)


async def test_batch_sends_one_event_for_each_state(
    hook_mill: Mill, receiver: Receiver, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 3)
    async with hook_mill.worker():
        batch = await hooked(
            hook_mill, folder, "bat-told", receiver.url(), webhook_signing_secret=SECRET
        )
        await hook_mill.client.result(batch.id)
        await until(lambda: arrived(hook_mill.database))
    assert receiver.events() == ["batch.pending", "batch.running", "batch.success"]
    data = receiver.calls[-1].event["data"]
    assert data["status"] == "COMPLETED"
    assert data["counts"] == {"total": 3, "completed": 3, "failed": 0, "skipped": 0, "cancelled": 0}


async def test_webhook_secrets_and_urls_do_not_enter_temporal(
    hook_mill: Mill, receiver: Receiver
) -> None:
    headers = {"Authorization": "Bearer of bad news"}
    await add_targets(
        hook_mill.database,
        "bat-secret",
        receiver.url("/path-with-a-token"),
        webhook_signing_secret=SECRET,
        webhook_headers=headers,
    )
    await pending_batch(hook_mill.database, "bat-secret")
    async with deliveries(hook_mill):
        await until(lambda: arrived(hook_mill.database))
    assert receiver.calls[0].headers["Authorization"] == headers["Authorization"]
    (event,) = await outbox(hook_mill.database)
    handle = hook_mill.temporal.get_workflow_handle(delivery_workflow_id(event.endpoint_id))
    events = [event.SerializeToString() async for event in handle.fetch_history_events()]
    history = b"".join(events).decode(errors="replace")
    assert event.endpoint_id in history, "its payloads can be read here"
    for hidden in (SECRET, "bad news", "path-with-a-token", f":{receiver.port}"):
        assert hidden not in history


async def test_receiver_gets_all_events_after_an_outage(
    hook_mill: Mill, receiver: Receiver
) -> None:
    receiver.die()
    for number in range(6):
        await add_targets(hook_mill.database, f"bat-{number}", receiver.url())
        await pending_batch(hook_mill.database, f"bat-{number}")

    async def was_tried() -> bool:
        return sum(event.attempts for event in await outbox(hook_mill.database)) >= 3

    async with deliveries(hook_mill):
        await until(was_tried)
        receiver.live()
        await until(lambda: arrived(hook_mill.database))
    ids = [call.event["event_id"] for call in receiver.calls]
    assert sorted(ids) == sorted(event.id for event in await outbox(hook_mill.database))


async def test_event_whose_answer_was_lost_is_sent_again_with_its_id(
    hook_mill: Mill, receiver: Receiver
) -> None:
    receiver.holds["/hook"] = Event()

    async def is_called() -> bool:
        return len(receiver.calls) == 1

    async with FaultProxy(receiver.port) as network:
        await add_targets(hook_mill.database, "bat-1", f"http://127.0.0.1:{network.port}/hook")
        await pending_batch(hook_mill.database, "bat-1")
        async with deliveries(hook_mill):
            await until(is_called)
            network.reset()
            receiver.holds["/hook"].set()
            await until(lambda: arrived(hook_mill.database))
    (event,) = await outbox(hook_mill.database)
    assert event.attempts == 2
    assert {call.event["event_id"] for call in receiver.calls} == {event.id}


async def test_slow_endpoint_does_not_delay_others(hook_mill: Mill, receiver: Receiver) -> None:
    receiver.holds["/slow"] = Event()
    endpoints = [{"webhook_url": receiver.url(path)} for path in ("/slow", "/quick")]
    for number in range(5):
        await aim_all(hook_mill.database, f"bat-{number}", endpoints)
        await pending_batch(hook_mill.database, f"bat-{number}")

    async def quick_is_done() -> bool:
        return len(receiver.events("/quick")) == 5

    async with deliveries(hook_mill):
        await until(quick_is_done)
        assert not [e for e in await outbox(hook_mill.database) if e.attempts and e.number == 0]
        receiver.holds["/slow"].set()
        await until(lambda: arrived(hook_mill.database))
    assert len(receiver.events("/slow")) == 5


async def test_webhook_redirect_is_not_followed(hook_mill: Mill, receiver: Receiver) -> None:
    receiver.answers["/hook"] = [307]
    await add_targets(hook_mill.database, "bat-1", receiver.url())
    await pending_batch(hook_mill.database, "bat-1")
    assert (await _first_error(hook_mill)).startswith("answered 307")
    assert {call.path for call in receiver.calls} == {"/hook"}


async def test_private_address_is_never_called(small_mill: Mill, receiver: Receiver) -> None:
    await add_targets(small_mill.database, "bat-1", receiver.url())
    await pending_batch(small_mill.database, "bat-1")
    assert "not on the public Internet" in await _first_error(small_mill)
    assert not receiver.calls


async def _first_error(mill: Mill) -> str:
    """Deliver until one attempt has failed, and return why."""

    async def was_tried() -> bool:
        return all(event.attempts for event in await outbox(mill.database))

    async with deliveries(mill):
        await until(was_tried)
    (event,) = await outbox(mill.database)
    assert event.state == "pending"
    return str((await attempts(mill.database, event))[0].error)


async def test_undelivered_events_are_dropped_when_their_endpoint_is_deleted(
    hook_mill: Mill, receiver: Receiver
) -> None:
    await add_targets(hook_mill.database, "bat-1", receiver.url())
    await pending_batch(hook_mill.database, "bat-1")
    async with hook_mill.database.write() as session:
        (event,) = await Deliveries(session).unannounced("default", 10)
        event.number = 7
    async with deliveries(hook_mill):
        await until_states(hook_mill.database, {"dropped"})
    assert not receiver.calls


async def test_worker_killed_during_a_delivery_loses_no_event(
    hook_mill: Mill, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCMILL_FENCE_ALLOW", "127.0.0.1")
    receiver.holds["/hook"] = Event()
    for number in range(3):
        await add_targets(hook_mill.database, f"bat-{number}", receiver.url())
        await pending_batch(hook_mill.database, f"bat-{number}")

    async def was_called() -> bool:
        return bool(receiver.calls)

    async with worker_process(hook_mill) as process:
        await until(was_called)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    receiver.holds["/hook"].set()
    async with deliveries(hook_mill):
        await until(lambda: arrived(hook_mill.database))
    ids = {call.event["event_id"] for call in receiver.calls}
    assert ids == {event.id for event in await outbox(hook_mill.database)}
