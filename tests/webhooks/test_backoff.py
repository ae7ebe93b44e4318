"""Retries over days, on the time-skipping server."""

from datetime import timedelta

from temporalio.testing import WorkflowEnvironment

from docmill.contracts.deliveries import delivery_workflow_id
from docmill.webhooks.rounds import LONGEST_REST, pause_after, rest_after
from tests.fixtures.mill import Mill
from tests.fixtures.receivers import Receiver
from tests.webhooks.conftest import (
    add_targets,
    arrived,
    attempts,
    deliveries,
    outbox,
    pending_batch,
    until_states,
)


async def test_event_succeeds_after_three_errors_and_all_attempts_are_logged(
    skipping_hook_mill: Mill, time_skipping_server: WorkflowEnvironment, receiver: Receiver
) -> None:
    mill = skipping_hook_mill
    receiver.answers["/hook"] = [500, 503, 429, 204]
    await add_targets(mill.database, "bat-1", receiver.url())
    await pending_batch(mill.database, "bat-1")
    async with deliveries(mill):
        while not await arrived(mill.database):
            await time_skipping_server.sleep(timedelta(seconds=4))
    (event,) = await outbox(mill.database)
    log = await attempts(mill.database, event)
    assert [(one.number, one.status_code, one.error) for one in log] == [
        (1, 500, "answered 500"),
        (2, 503, "answered 503"),
        (3, 429, "answered 429"),
        (4, 204, None),
    ]
    assert len({call.body for call in receiver.calls}) == 1
    assert {call.headers["X-Webhook-Event-ID"] for call in receiver.calls} == {event.id}


async def test_event_is_retried_for_days_and_then_dropped(
    skipping_hook_mill: Mill, time_skipping_server: WorkflowEnvironment, receiver: Receiver
) -> None:
    mill = skipping_hook_mill
    receiver.answers["/hook"] = [500]
    await add_targets(mill.database, "bat-1", receiver.url())
    await pending_batch(mill.database, "bat-1")
    async with deliveries(mill):
        while (await outbox(mill.database))[0].state == "pending":
            await time_skipping_server.sleep(timedelta(hours=12))
        await until_states(mill.database, {"given_up"})
    (event,) = await outbox(mill.database)
    assert event.attempts == len(receiver.calls) == len(await attempts(mill.database, event))
    waits = await _minutes_waited(mill, event.endpoint_id)
    assert [one for one in waits if one] == [1, 5, 30, 120, 360, 720, *[1440] * 6]


async def _minutes_waited(mill: Mill, endpoint_id: str) -> list[int]:
    handle = mill.temporal.get_workflow_handle(delivery_workflow_id(endpoint_id))
    history = await handle.fetch_history()
    timers = [event.timer_started_event_attributes for event in history.events]
    return [
        round(timer.start_to_fire_timeout.ToTimedelta() / timedelta(minutes=1)) for timer in timers
    ]


def test_first_retry_pauses_match_upstream_and_none_exceeds_a_day() -> None:
    pauses = [pause_after(tries) for tries in range(1, 40)]
    assert [pause.total_seconds() for pause in pauses[:3]] == [1, 2, 4]
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(hours=24)
    assert rest_after(1) == timedelta(seconds=1)
    assert rest_after(1_000) == LONGEST_REST
