"""Payloads of the export workflow: the results of a batch of the HTTP API at their destination."""

from docmill.contracts.words import Payload


class ExportInput(Payload):
    """The one argument of the export workflow and of its activity.

    Attributes:
        batch_id: the batch, whose row names the destination.
        epoch: its execution; a redrive is exported by a workflow of its own.
    """

    batch_id: str
    epoch: int


class ExportResult(Payload):
    """What was exported.

    Attributes:
        rows: number of files in the manifest; None if a redrive began before the manifest was
            written.
    """

    rows: int | None = None


def export_workflow_id(batch_id: str, epoch: int) -> str:
    """Return the id of the workflow that exports one execution of a batch."""
    return f"{batch_id}-export-{epoch}"
