"""The activity that exports a batch of the HTTP API."""

from temporalio import activity

from activities.errors import translated
from activities.heartbeats import heartbeating
from docmill.batches.exports import ExportService
from docmill.contracts.exports import ExportInput, ExportResult
from docmill.contracts.names import EXPORT_BATCH


class ExportActivities:
    """Exports batches. All effects are idempotent."""

    def __init__(self, service: ExportService) -> None:
        self._service = service

    @activity.defn(name=EXPORT_BATCH)
    @translated
    async def export_batch(self, export: ExportInput) -> ExportResult:
        """Export the results of a batch as they finish, and its manifest at the end."""
        async with heartbeating():
            return await self._service.export(export)
