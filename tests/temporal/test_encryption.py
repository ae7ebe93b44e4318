"""With payload keys the Temporal server holds no text of a workflow, by whatever way it came."""

import base64
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio import activity, workflow
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import (
    DescribeScheduleRequest,
)
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
)
from temporalio.common import RetryPolicy
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from docmill.contracts.batches import BatchInput, BatchSpec
from docmill.contracts.names import BATCH_QUEUE, BATCH_WORKFLOW
from docmill.contracts.words import BatchStatus
from docmill.errors import PayloadKeyError
from docmill.temporal.payloads import PLAIN, PayloadCipher, encrypting
from docmill.temporal.preflight import check_histories
from docmill.temporal.syncs import Timing, schedule_sync, stop_sync
from tests.fixtures.mill import Mill, until, write_texts
from tests.fixtures.worker_process import logging_worker_process
from tests.temporal.raw import raw_answer, raw_workflow
from workflows.batch import BatchWorkflow

KEY = "k1:" + base64.b64encode(b"1" * 32).decode()
NEXT_KEY = "k2:" + base64.b64encode(b"2" * 32).decode()
QUEUE = "encryption-tests"


def client_with(client: Client, *keys: str) -> Client:
    """Return the same client with these keys; without any it is a plain one."""
    config = client.config()
    config["data_converter"] = encrypting(PayloadCipher(",".join(keys))) if keys else PLAIN
    return Client(**config)


@activity.defn
async def heartbeats_and_fails(text: str) -> str:
    """Heartbeat, fail, and return at the second attempt what the first one reported."""
    details = activity.info().heartbeat_details
    if not details:
        activity.heartbeat(f"heartbeat {text}")
        raise ApplicationError(f"message {text}", f"detail {text}")
    return str(details[0])


@activity.defn
async def local(text: str) -> str:
    """Return the text."""
    return text


@workflow.defn(sandboxed=False)
class EveryWay:
    """A workflow with the text on every way that leads to the server."""

    def __init__(self) -> None:
        self._signals: list[str] = []

    @workflow.run
    async def run(self, text: str) -> str:
        """Wait for two signals, then fail."""
        workflow.upsert_memo({"later": f"upserted memo {text}"})
        workflow.set_current_details(f"current details {text}")
        done: str = await workflow.execute_activity(
            heartbeats_and_fails,
            f"argument {text}",
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=1)),
            summary=f"activity summary {text}",
        )
        await workflow.execute_local_activity(
            local, f"local {text}", start_to_close_timeout=timedelta(seconds=30)
        )
        await workflow.sleep(0.001, summary=f"timer summary {text}")
        await workflow.wait_condition(lambda: len(self._signals) > 1)
        raise ApplicationError(f"{done} {self._signals}", f"detail {text}")

    @workflow.signal
    def add(self, text: str) -> None:
        """Take a signal."""
        self._signals.append(text)

    @workflow.query
    def taken(self) -> list[str]:
        """Return the signals."""
        return self._signals

    @workflow.update
    def change(self, text: str) -> str:
        """Return the text, or reject an empty one."""
        if not text.startswith("update"):
            raise ApplicationError(f"rejected {text}")
        return f"accepted {text}"


@pytest.fixture
def keyed(temporal: Client) -> Client:
    """A client with the key."""
    return client_with(temporal, KEY)


def with_keys(mill: Mill, *keys: str) -> Mill:
    """Return the same Docmill with these keys."""
    return Mill(client_with(mill.temporal, *keys), mill.database, mill.settings)


async def test_text_is_plain_nowhere_on_the_server(keyed: Client) -> None:
    text = f"canary-{uuid4()}"
    async with Worker(
        keyed,
        task_queue=QUEUE,
        workflows=[EveryWay],
        workflow_runner=UnsandboxedWorkflowRunner(),
        activities=[heartbeats_and_fails, local],
    ):
        handle = await keyed.start_workflow(
            EveryWay.run,
            text,
            id=f"every-way-{uuid4()}",
            task_queue=QUEUE,
            memo={"first": f"memo {text}"},
            static_summary=f"static summary {text}",
            static_details=f"static details {text}",
        )
        await handle.signal(EveryWay.add, f"signal {text}")
        assert await handle.execute_update(EveryWay.change, f"update {text}")
        with pytest.raises(WorkflowUpdateFailedError) as rejected:
            await handle.execute_update(EveryWay.change, text)
        assert str(rejected.value.cause) == f"rejected {text}"
        answers = [
            await raw_answer(keyed, handle.id, query)
            for query in ("taken", "__temporal_workflow_metadata")
        ]
        assert await handle.query(EveryWay.taken) == [f"signal {text}"]
        await handle.signal(EveryWay.add, f"signal {text}")
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        assert isinstance(failed.value.cause, ApplicationError)
        assert f"heartbeat argument {text}" in failed.value.cause.message

    description = await handle.describe()
    assert await description.static_summary() == f"static summary {text}"
    assert await description.memo() == {
        "first": f"memo {text}",
        "later": f"upserted memo {text}",
    }
    held = await raw_workflow(handle)
    assert handle.id.encode() in held
    assert text.encode() not in held
    for answer in answers:
        assert b"k1" in answer
        assert text.encode() not in answer
    plain = await PLAIN.encode([text])
    assert text.encode() in plain[0].SerializeToString(), "a plain payload would be found"


async def test_pending_activity_is_described_without_text(keyed: Client) -> None:
    @activity.defn(name="heartbeats_and_fails")
    async def waits(text: str) -> str:
        if activity.info().attempt == 1:
            activity.heartbeat(f"heartbeat {text}")
            raise ApplicationError(f"message {text}", next_retry_delay=timedelta(minutes=1))
        return text

    text = f"canary-{uuid4()}"
    async with Worker(
        keyed,
        task_queue=QUEUE,
        workflows=[EveryWay],
        workflow_runner=UnsandboxedWorkflowRunner(),
        activities=[waits],
    ):
        handle = await keyed.start_workflow(
            EveryWay.run, text, id=f"pending-{uuid4()}", task_queue=QUEUE
        )

        async def failed_once() -> bool:
            found = (await handle.describe()).raw_description.pending_activities
            return any(one.HasField("last_failure") for one in found)

        await until(failed_once)
        (pending,) = (await handle.describe()).raw_description.pending_activities
    assert pending.heartbeat_details.payloads
    assert text.encode() not in await raw_workflow(handle)
    error = await keyed.data_converter.decode_failure(pending.last_failure)
    assert f"message argument {text}" in str(error)


async def test_schedule_holds_no_text(keyed: Client) -> None:
    text = f"canary-{uuid4()}"
    other, sync_id = f"schedule-{uuid4()}", f"sync-{uuid4()}"
    await keyed.create_schedule(
        other,
        Schedule(
            action=ScheduleActionStartWorkflow(
                "EveryWay",
                text,
                id=other,
                task_queue=QUEUE,
                static_summary=text,
                memo={"text": text},
            ),
            spec=ScheduleSpec(),
        ),
    )
    await schedule_sync(keyed, sync_id, text, Timing(every=timedelta(days=9)))
    for schedule_id in (other, sync_id):
        described = await keyed.workflow_service.describe_schedule(
            DescribeScheduleRequest(namespace=keyed.namespace, schedule_id=schedule_id)
        )
        assert schedule_id.encode() in described.SerializeToString()
        assert text.encode() not in described.SerializeToString()
    await stop_sync(keyed, sync_id)
    await stop_sync(keyed, other)


async def test_client_without_keys_starts_a_batch_and_cannot_read_its_result(
    small_mill: Mill, tmp_path: Path
) -> None:
    plain = Client(small_mill.temporal.service_client, data_converter=DataConverter.default)
    keyed = with_keys(small_mill, KEY)
    batch_id = f"bat-{uuid4()}"
    async with keyed.worker():
        await plain.start_workflow(
            BATCH_WORKFLOW,
            {"batch_id": batch_id, "spec": {"folder": str(write_texts(tmp_path / "in", 2))}},
            id=batch_id,
            task_queue=BATCH_QUEUE,
        )
        result = await keyed.client.result(batch_id)
        progress = await keyed.client.progress(batch_id)
        for read in (small_mill.client.result, small_mill.client.progress):
            with pytest.raises(PayloadKeyError, match="k1") as refused:
                await read(batch_id)
            assert "DOCMILL_PAYLOAD_KEYS" in refused.value.hint
    assert result.tally.completed == 2
    assert progress.processed == 2


async def test_workers_with_a_new_key_continue_what_the_old_one_encrypted(
    small_mill: Mill, tmp_path: Path
) -> None:
    before, after = with_keys(small_mill, KEY), with_keys(small_mill, NEXT_KEY, KEY)
    batch = await before.start(write_texts(tmp_path / "in", 4))
    async with after.worker():
        result = await after.client.result(batch.id)
    assert result.tally.completed == 4
    held = await raw_workflow(after.temporal.get_workflow_handle(batch.id))
    assert b"encryption-key-id\x12\x02k1" in held
    assert b"encryption-key-id\x12\x02k2" in held
    assert (await with_keys(small_mill, NEXT_KEY).client.result(batch.id)) == result
    with pytest.raises(PayloadKeyError, match="k2"):
        await before.client.result(batch.id)


async def test_lost_key_keeps_workers_from_starting_until_its_batches_are_terminated(
    small_mill: Mill, tmp_path: Path
) -> None:
    keyed = with_keys(small_mill, KEY)
    batch = await keyed.start(write_texts(tmp_path / "in", 2))
    await keyed.service.pause(batch)
    async with keyed.worker():
        await keyed.until_progress(batch, lambda now: now.state == "paused")
    assert await check_histories(keyed.temporal, BatchWorkflow) == 1
    with pytest.raises(PayloadKeyError, match="k1"):
        await check_histories(with_keys(small_mill, NEXT_KEY).temporal, BatchWorkflow)
    log = tmp_path / "log"
    async with logging_worker_process(small_mill, log) as process:
        assert await process.wait() == 1
    assert "the key k1, which this process does not have" in log.read_text()

    await keyed.temporal.get_workflow_handle(batch.id).terminate("the key is lost")
    new = with_keys(small_mill, NEXT_KEY)
    ended = await new.service.reconciler.reconcile(await new.row(batch))
    assert ended.status == BatchStatus.CANCELLED


async def test_batch_waits_for_a_worker_with_its_key_when_another_one_takes_its_tasks(
    small_mill: Mill, tmp_path: Path
) -> None:
    keyed = with_keys(small_mill, KEY)
    async with small_mill.worker():
        batch_id = f"bat-{uuid4()}"
        spec = BatchSpec(folder=str(write_texts(tmp_path / "in", 2)))
        handle = await keyed.temporal.start_workflow(
            BATCH_WORKFLOW,
            BatchInput(batch_id=batch_id, spec=spec),
            id=batch_id,
            task_queue=BATCH_QUEUE,
            task_timeout=timedelta(seconds=1),  # workers report only the first failure of a task
        )

        async def task_failed() -> bool:
            kinds = [event.event_type async for event in handle.fetch_history_events()]
            return EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED in kinds

        await until(task_failed)
    failed = [
        event.workflow_task_failed_event_attributes.failure
        async for event in handle.fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]
    assert "PayloadKeyError" in str(failed[0])
    assert "the key k1, which this process does not have" in str(failed[0])
    async with keyed.worker():
        result = await keyed.client.result(batch_id)
    assert result.tally.completed == 2
