"""Activity for retention: deletes expired data."""

import structlog
from temporalio import activity

from activities.errors import translated
from activities.heartbeats import heartbeating
from docmill.contracts.names import RETAIN
from docmill.contracts.retention import RetentionReport, RetentionRequest
from docmill.objects.base import ObjectStore
from docmill.records.database import Database
from docmill.settings import Settings
from docmill.upkeep.retention import retain

log = structlog.get_logger(__name__)


class RetentionActivities:
    """Deletes expired data according to the worker's settings."""

    def __init__(self, database: Database, store: ObjectStore, settings: Settings) -> None:
        self._database = database
        self._store = store
        self._settings = settings

    @activity.defn(name=RETAIN)
    @translated
    async def retain(self, request: RetentionRequest) -> RetentionReport:
        """Delete expired data. If stopped, the next try continues."""
        async with heartbeating():
            report = await retain(self._database, self._store, self._settings, request.at)
        log.info("retention.done", **report.model_dump())
        return report
