"""Waiting in line for a place among a project's running batches, without writing history."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import NoReturn

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.failing import translated
from activities.heartbeats import heartbeating
from activities.opened import Opener
from docmill.batches import BatchService
from docmill.contracts import ADMIT_BATCH, AdmitRequest, BatchStatus, OpenedBatch
from docmill.errors import DocmillError
from docmill.records.admission import Admission
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.tables import Batch
from docmill.settings import Settings

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 10.0
"""Seconds until the next look: whoever is next looks every second, those far behind less often."""

LOOKED_AT = 10
"""Holders of places that one waiting batch compares with Temporal at a time."""

LOOK_AGAIN_SECONDS = 2.0
"""A holder is not compared with Temporal more often than this by one worker."""

REMEMBERED = 10_000
"""Holders of which the last comparison is remembered."""

log = structlog.get_logger(__name__)


class Admitting:
    """Lets batches of a project run as others end, first in, first out."""

    def __init__(
        self, database: Database, service: BatchService, opener: Opener, settings: Settings
    ) -> None:
        self._database = database
        self._service = service
        self._opener = opener
        self._limit = settings.max_running_batches
        self._looked: dict[str, float] = {}

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
            return await self._opener.describe(request.batch_id)

    async def _free_places(self, batch: Batch) -> None:
        """Compare holders with Temporal: one that was terminated holds its place no more."""
        async with self._database.read() as session:
            holders = await Admission(session).holders(batch)
        for holder in self._due([one for one in holders if one.namespace == batch.namespace]):
            try:
                await self._service.mend(holder)
            except DocmillError as error:
                log.info("admission.holder_unknown", batch_id=holder.id, reason=error.message)

    def _due(self, holders: Sequence[Batch]) -> Sequence[Batch]:
        """Return some holders that were not looked at lately, in turn; they count as looked at."""
        moment = time.monotonic()
        recent = {k: at for k, at in self._looked.items() if moment - at < LOOK_AGAIN_SECONDS}
        due = [holder for holder in holders if holder.id not in recent]
        due.sort(key=lambda holder: self._looked.get(holder.id, 0.0))
        self._looked |= {holder.id: moment for holder in due[:LOOKED_AT]}
        if len(self._looked) > REMEMBERED:
            self._looked = recent
        return due[:LOOKED_AT]


def _wait(place: int, limit: int) -> NoReturn:
    ahead = "it is the next" if place == 1 else f"{place - 1:,} others are before it"
    raise ApplicationError(
        f"The project runs {limit:,} batches, as many as it may; {ahead}.",
        type="Throttled",
        next_retry_delay=timedelta(seconds=min(FIRST_PAUSE + place / 20, LONGEST_PAUSE)),
        category=ApplicationErrorCategory.BENIGN,
    )
