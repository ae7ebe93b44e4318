"""RetentionWorkflow: deletes expired data; a Temporal Schedule runs it every hour."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    # batch.py/batch.py
    from activities.retention import RetentionActivities
    from docmill.contracts.names import RETENTION_WORKFLOW
    from docmill.contracts.retention import RetentionReport, RetentionRequest
    from workflows import policies


@workflow.defn(name=RETENTION_WORKFLOW)
class RetentionWorkflow:
    """Runs retention once. The schedule prevents overlapping runs."""

    @workflow.run
    async def run(self) -> RetentionReport:
        """Delete expired data."""
        return await workflow.execute_activity_method(
            RetentionActivities.retain,
            RetentionRequest(at=workflow.now()),
            **policies.RETAIN,
        )
