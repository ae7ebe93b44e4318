"""Ids decided once for creates that may be repeated."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, delete, false, not_, select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.records.portable import insert_into
from docmill.records.tables.api import RequestClaim
from docmill.records.tables.base import now

RETRY_WINDOW = timedelta(minutes=2)
"""How long a repeat without a key finds its first attempt: longer than all SDK retries take."""
KEPT_FOR = timedelta(days=7)
"""How long an explicit key is remembered."""


class Repeat(StrEnum):
    """What is known of a create."""

    FIRST = "first"
    """The client's first attempt: a new object, even when its fields were seen before."""
    RETRY = "retry"
    """A repeat: the object of the latest attempt with these fields, if that is recent."""
    KEYED = "keyed"
    """The client names its create: one object for ever."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What was decided."""

    object_id: str
    fields_hash: str


class Claims:
    """Decides ids in one statement, so that of two racing requests one decides for both."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def decide(
        self, key: str, fields_hash: str, object_id: str, repeat: Repeat, arrived_at: datetime
    ) -> Claim:
        """Return the id that belongs to ``key``: an earlier attempt's, or ``object_id``.

        Args:
            key: hash of what makes two requests the same.
            fields_hash: hash of what was asked.
            object_id: the id to take when no earlier attempt decided.
            repeat: what is known of this attempt.
            arrived_at: when the request came in, before its body was read.
        """
        values = {
            "key": key,
            "fields_hash": fields_hash,
            "object_id": object_id,
            "repeat": repeat.value,
            "claimed_at": now(),
        }
        await self._session.execute(
            insert_into(self._session, RequestClaim)
            .values(values)
            .on_conflict_do_update(
                index_elements=["key"], set_=values, where=_replaces(repeat, arrived_at)
            )
        )
        row = (
            await self._session.execute(
                select(RequestClaim.object_id, RequestClaim.fields_hash).where(
                    RequestClaim.key == key
                )
            )
        ).one()
        return Claim(row.object_id, row.fields_hash)

    async def forget_old(self) -> None:
        """Drop what no repeat asks for any more."""
        await self._session.execute(
            delete(RequestClaim).where(RequestClaim.claimed_at < now() - KEPT_FOR)
        )


def _replaces(repeat: Repeat, arrived_at: datetime) -> ColumnElement[bool]:
    """When this attempt takes an existing claim over."""
    match repeat:
        case Repeat.KEYED:
            return false()
        case Repeat.RETRY:
            return RequestClaim.claimed_at < now() - RETRY_WINDOW
        case Repeat.FIRST:
            # A slow first attempt can be overtaken by its own repeat, and then joins it.
            overtaken = and_(
                RequestClaim.repeat == Repeat.RETRY.value, RequestClaim.claimed_at > arrived_at
            )
            return not_(overtaken)
