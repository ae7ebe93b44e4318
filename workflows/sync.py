"""SyncWorkflow: processes what is new or changed in a source; a Temporal Schedule may run it."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.syncs import SyncActivities
    from docmill.contracts.names import SYNC_WORKFLOW
    from docmill.contracts.syncs import SyncFinish, SyncInput, SyncRequest, SyncResult
    from workflows import policies


@workflow.defn(name=SYNC_WORKFLOW)
class SyncWorkflow:
    """Runs a sync once. The schedule prevents overlapping runs.

    The batch is a workflow of its own, so that it is paused, cancelled and redriven like any other.
    """

    @workflow.run
    async def run(self, sync: SyncInput) -> SyncResult:
        """Process what is new or changed, and note what is gone."""
        begun = await workflow.execute_activity_method(
            SyncActivities.begin_sync,
            SyncRequest(sync_id=sync.sync_id, run_id=workflow.info().run_id),
            **policies.BEGIN_SYNC,
        )
        workflow.set_current_details(
            f"{begun.total:,} files, {begun.fresh:,} new or changed, {begun.vanished:,} gone"
            + (f"; batch {begun.batch_id}" if begun.batch_id else "")
        )
        return await workflow.execute_activity_method(
            SyncActivities.finish_sync,
            SyncFinish(begun=begun, at=workflow.now()),
            **policies.FINISH_SYNC,
        )
