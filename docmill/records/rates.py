"""Rate limit of a project's requests: the generic cell rate algorithm.

One row per limited project stores the theoretical arrival time of its next request (ITU-T I.371):
the time at which it would arrive at exactly the limited rate. A request is admitted if this time is
less than the burst in the future, and advances it by one interval. Check and update are one
statement, so that concurrent processes share the limit.
"""

import time
from typing import Any

from sqlalchemy import ColumnElement, cast, extract, func, literal, select
from sqlalchemy.types import Double

from docmill.contracts.access import Limits
from docmill.errors import LimitError
from docmill.records.database import Database
from docmill.records.statements import insert_for
from docmill.records.tables.access import RequestRate

_SLACK = 0.5
"""Share of an interval. Sums of fractional seconds since 1970 are exact to a microsecond."""


class Rates:
    """Limits the requests of projects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, project_id: str, limits: Limits) -> None:
        """Count one request of a project. Projects without a rate need no query.

        Raises:
            LimitError: the request is too early; the error has the remaining time.
            UnavailableError: the database is unavailable.
        """
        if limits.requests_per_second is None:
            return
        interval = 1 / limits.requests_per_second
        burst = limits.burst or max(1, round(limits.requests_per_second))
        tolerance = (burst - 1 + _SLACK) * interval
        async with self._database.write_unsynced() as session:
            clock = self._clock()
            next_arrival = self._later(RequestRate.arrival, clock)
            statement = (
                insert_for("sqlite" if self._database.is_sqlite else "postgresql", RequestRate)
                .values(project_id=project_id, arrival=clock + interval)
                .on_conflict_do_update(
                    index_elements=["project_id"],
                    set_={"arrival": next_arrival + interval},
                    where=next_arrival <= clock + tolerance,
                )
                .returning(RequestRate.arrival)
            )
            if await session.scalar(statement) is not None:
                return
            early = select(RequestRate.arrival - tolerance - clock)
            wait = await session.scalar(early.where(RequestRate.project_id == project_id))
        raise LimitError(
            f"The project sends more than {limits.requests_per_second:g} requests a second.",
            "Send them more slowly, or ask for a higher rate.",
            retry_after=max(float(wait or 0), 0.0),
        )

    def _clock(self) -> ColumnElement[Any]:
        """Return the time of the database, which several hosts share; SQLite has one host."""
        if self._database.is_sqlite:
            return literal(time.time(), Double())
        return cast(extract("epoch", func.clock_timestamp()), Double())

    def _later(self, one: Any, other: Any) -> ColumnElement[Any]:
        return (func.max if self._database.is_sqlite else func.greatest)(one, other)
