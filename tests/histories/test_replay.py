"""The workflow code can continue every batch that a release has begun."""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from docmill.temporal.payloads import PLAIN
from workflows.batch import BatchWorkflow
from workflows.delivery import DeliveryWorkflow

WORKFLOWS = [BatchWorkflow, DeliveryWorkflow]
STORED = sorted((Path(__file__).parent / "stored").rglob("*.json"))


@pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name}/{path.stem}")
async def test_stored_history_replays(path: Path) -> None:
    """When this fails: put the change behind `workflow.patched`, do not record anew."""
    replayer = Replayer(workflows=WORKFLOWS, data_converter=PLAIN)
    history = WorkflowHistory.from_json(f"bat-{path.stem}", path.read_text())
    await replayer.replay_workflow(history)


def test_histories_are_stored() -> None:
    assert {path.stem for path in STORED} >= {
        "completed",
        "continued",
        "cancelled",
        "failed",
        "delivery",
        "left",
        "left-continued",
        "swept",
    }
