"""Waiting in line for a place among a project's running batches, without writing history."""

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
"""Seconds until the next look: whoever is next looks every second, those far behind less often."""


class Admitting:
    """Lets batches of a project run as others end, first in, first out."""

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
        """Return the batch once it may run.

        Raises:
            ApplicationError: not yet; Temporal shows its place in the line, and asks again.
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
                    _wait(1, self._limit)  # another one was quicker
            return await self._describer.describe(request.batch_id)

    async def _free_places(self, batch: Batch) -> None:
        """Compare holders with Temporal: one that was terminated holds its place no more."""
        async with self._database.read() as session:
            holders = await Admission(session).holders(batch)
        await self._reconciler.reconcile_some(
            [one for one in holders if one.namespace == batch.namespace]
        )


def _wait(place: int, limit: int) -> NoReturn:
    ahead = "it is the next" if place == 1 else f"{place - 1:,} others are before it"
    raise ApplicationError(
        f"The project runs {limit:,} batches, as many as it may; {ahead}.",
        type="Throttled",
        next_retry_delay=timedelta(seconds=min(FIRST_PAUSE + place / 20, LONGEST_PAUSE)),
        category=ApplicationErrorCategory.BENIGN,
    )
