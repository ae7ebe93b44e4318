"""ExportWorkflow: puts the results of a batch of the HTTP API to their destination."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.exports import ExportActivities
    from docmill.contracts.exports import ExportInput, ExportResult
    from docmill.contracts.names import EXPORT_WORKFLOW
    from workflows import policies


@workflow.defn(name=EXPORT_WORKFLOW)
class ExportWorkflow:
    """Exports a batch while it runs, and its manifest at the end.

    It is started before the batch's workflow, so a batch that runs has one. A destination that is
    away delays only the export.
    """

    @workflow.run
    async def run(self, export: ExportInput) -> ExportResult:
        """Export the batch until it has ended."""
        return await workflow.execute_activity_method(
            ExportActivities.export_batch, export, **policies.EXPORT
        )
