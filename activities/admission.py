"""Admission of batches to a project's running batches. Waiting writes no history."""

from datetime import timedelta
from typing import NoReturn

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.batches import BatchDescriber
from activities.errors import translated
from activities.heartbeats import heartbeating
from docmill.batches.reconcile import Reconciler
from docmill.contracts.batches import AdmitRequest, OpenedBatch
from docmill.contracts.names import ADMIT_BATCH
from docmill.contracts.words import BatchStatus
from docmill.records.admission import Admission
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.tables.batches import Batch
from docmill.settings import Settings

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 10.0
"""Seconds between checks: the next batch in line checks every second, others less often."""


class AdmissionActivities:
    """Admits waiting batches of a project, first in, first out, as others end."""

    def __init__(
        self,
        database: Database,
        reconciler: Reconciler,
        describer: BatchDescriber,
        settings: Settings,
    ) -> None:
        self._database = database
        self._reconciler = reconciler
        self._describer = describer
        self._limit = settings.max_running_batches

    @activity.defn(name=ADMIT_BATCH)
    @translated
    async def admit_batch(self, request: AdmitRequest) -> OpenedBatch:
        """Return the batch once it is admitted.

        Raises:
            ApplicationError: the batch has to wait; Temporal shows its place in the line, and
                retries.
        """
        async with heartbeating():
            async with self._database.read() as session:
                batch = await Batches(session).get(None, request.batch_id)
                place = await Admission(session).place(batch, self._limit)
            if batch.status == BatchStatus.THROTTLED and place > 0:
                await self._free_places(batch)
                _wait(place, self._limit)
            async with self._database.write() as session:
                batch = await Batches(session).get(None, request.batch_id)
                if not await Admission(session).admit(batch, self._limit):
                    _wait(1, self._limit)  # another batch was admitted first
            return await self._describer.describe(request.batch_id)

    async def _free_places(self, batch: Batch) -> None:
        """Release places of batches that Temporal no longer runs, such as terminated ones."""
        async with self._database.read() as session:
            holders = await Admission(session).holders(batch)
        await self._reconciler.reconcile_some(
            [one for one in holders if one.namespace == batch.namespace]
        )


def _wait(place: int, limit: int) -> NoReturn:
    ahead = "this batch is next" if place == 1 else f"{place - 1:,} others are ahead"
    raise ApplicationError(
        f"The project runs {limit:,} batches, its maximum; {ahead}.",
        type="Throttled",
        next_retry_delay=timedelta(seconds=min(FIRST_PAUSE + place / 20, LONGEST_PAUSE)),
        category=ApplicationErrorCategory.BENIGN,
    )
