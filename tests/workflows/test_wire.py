"""The public wire contract: names and JSON, for Temporal clients in any language."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.converter import DataConverter

from activities.admission import AdmissionActivities
from activities.batches import BatchActivities
from activities.deliveries import DeliveryActivities
from activities.exports import ExportActivities
from activities.groups import GroupActivities
from activities.items import ItemActivities
from activities.pages import ListingActivities
from activities.retention import RetentionActivities
from docmill.contracts import names
from docmill.contracts.batches import BatchInput, BatchSpec
from tests.fixtures.mill import Mill, write_texts
from workflows.batch import BatchWorkflow
from workflows.delivery import DeliveryWorkflow
from workflows.export import ExportWorkflow
from workflows.retention import RetentionWorkflow


def test_wire_names_are_those_of_the_contract() -> None:
    definition = workflow._Definition.must_from_class(BatchWorkflow)
    assert definition.name == names.BATCH_WORKFLOW == "Batch"
    assert set(definition.queries) == {"progress", "failures"}
    assert set(definition.signals) == {"cancel", "pause", "resume"}
    assert set(definition.updates) == {"set_concurrency"}
    methods: list[Callable[..., Any]] = [
        ListingActivities.next_page,
        ItemActivities.process_item,
        GroupActivities.process_group,
        BatchActivities.open_batch,
        AdmissionActivities.admit_batch,
        BatchActivities.record_state,
        BatchActivities.record_lost_item,
        BatchActivities.close_batch,
        DeliveryActivities.deliver_due,
        RetentionActivities.retain,
        ExportActivities.export_batch,
    ]
    wire_names = {activity._Definition.must_from_callable(method).name for method in methods}
    assert wire_names == {
        "next_page",
        "process_item",
        "process_group",
        "open_batch",
        "admit_batch",
        "record_state",
        "record_lost_item",
        "close_batch",
        "deliver_due",
        "retain",
        "export_batch",
    }


def test_workflows_have_the_names_of_the_contract() -> None:
    retention = workflow._Definition.must_from_class(RetentionWorkflow)
    assert retention.name == names.RETENTION_WORKFLOW == "Retention"
    export = workflow._Definition.must_from_class(ExportWorkflow)
    assert export.name == names.EXPORT_WORKFLOW == "Export"
    definition = workflow._Definition.must_from_class(DeliveryWorkflow)
    assert definition.name == names.DELIVERY_WORKFLOW == "WebhookDelivery"
    assert set(definition.signals) == {names.WAKE_DELIVERY} == {"wake"}


async def test_plain_temporal_client_runs_a_batch_with_json(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 3)
    plain = Client(small_mill.temporal.service_client, data_converter=DataConverter.default)
    async with small_mill.worker():
        result = await plain.execute_workflow(
            "Batch",
            {
                "batch_id": "bat-plain",
                "spec": {"folder": str(folder), "job": {"parameters": {"tier": "fast"}}},
            },
            id="bat-plain",
            task_queue="docmill",
        )
        progress = await plain.get_workflow_handle("bat-plain").query("progress")
    assert result["status"] == "COMPLETED"
    assert result["tally"] == {"completed": 3, "failed": 0, "skipped": 0, "cancelled": 0}
    assert progress["processed"] == 3


def test_input_of_an_older_client_decodes() -> None:
    decoded = BatchInput.model_validate({"batch_id": "bat-1", "spec": {"folder": "/data"}})
    assert decoded.spec == BatchSpec(folder="/data")
