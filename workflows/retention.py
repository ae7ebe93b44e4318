"""RetentionWorkflow: what a Temporal Schedule runs every hour."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    # plain data and references to activities, as in workflows/batch.py
    from activities.retention import Retaining
    from docmill.contracts.names import RETENTION_WORKFLOW
    from docmill.contracts.retention import RetentionReport, RetentionRequest
    from workflows import policies


@workflow.defn(name=RETENTION_WORKFLOW)
class RetentionWorkflow:
    """One run of retention; the schedule never lets two overlap."""

    @workflow.run
    async def run(self) -> RetentionReport:
        """Remove what may go."""
        return await workflow.execute_activity_method(
            Retaining.retain,
            RetentionRequest(at=workflow.now()),
            **policies.RETAIN,
        )
