"""Activities of syncs: list the source and start a batch; export it and note what is gone."""

from temporalio import activity

from activities.errors import translated
from activities.heartbeats import heartbeating
from docmill.batches.sync import SyncService
from docmill.contracts.names import BEGIN_SYNC, FINISH_SYNC
from docmill.contracts.syncs import SyncBegun, SyncFinish, SyncRequest, SyncResult


class SyncActivities:
    """Runs syncs. All effects are idempotent."""

    def __init__(self, service: SyncService) -> None:
        self._service = service

    @activity.defn(name=BEGIN_SYNC)
    @translated
    async def begin_sync(self, request: SyncRequest) -> SyncBegun:
        """List the source, and start the batch over what is new or changed."""
        async with heartbeating():
            return await self._service.begin(request)

    @activity.defn(name=FINISH_SYNC)
    @translated
    async def finish_sync(self, finish: SyncFinish) -> SyncResult:
        """Export the batch until it has ended, and note what is gone."""
        async with heartbeating():
            return await self._service.finish(finish.begun, finish.at)
