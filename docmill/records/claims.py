"""Ids decided once for creates that may be repeated."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, delete, false, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.records.statements import insert_into
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
    """A repeat: the latest object with these fields, while its answer may have been lost."""
    KEYED = "keyed"
    """The client names its create: one object for ever."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a create.

    Attributes:
        key: hash of what makes two requests the same.
        fields_hash: hash of what was asked.
        repeat: what is known of it.
        arrived_at: when the request came in, before its body was read.
    """

    key: str
    fields_hash: str
    repeat: Repeat
    arrived_at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """What was decided.

    Attributes:
        joined: whether an earlier attempt decided it.
    """

    object_id: str
    fields_hash: str
    joined: bool


class Claims:
    """Decides ids in one statement, so that of two racing requests one decides for both.

    A claim is decided in the transaction that makes its object: it is there when the object is.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def decide(
        self,
        attempt: Attempt,
        object_id: str,
        *,
        answer_id: str | None = None,
        source: str | None = None,
    ) -> Claim:
        """Return the id that belongs to the attempt: an earlier one's, or ``object_id``.

        A retry joins only what its client may not have heard of: an object that was received, or
        whose source has changed since, belongs to an earlier request.

        Args:
            attempt: the request.
            object_id: the id to take when no earlier attempt decided.
            answer_id: the id that the client is told of, when it is another one.
            source: hash of the state of what the object is made from.
        """
        values = {
            "key": attempt.key,
            "fields_hash": attempt.fields_hash,
            "object_id": object_id,
            "answer_id": answer_id or object_id,
            "source": source,
            "received_at": None,
            "repeat": attempt.repeat.value,
            "claimed_at": now(),
        }
        decided = (
            insert_into(self._session, RequestClaim)
            .values(values)
            .on_conflict_do_update(
                index_elements=["key"], set_=values, where=_replaces(attempt, source)
            )
            .returning(RequestClaim.object_id)
        )
        if await self._session.scalar(decided) is not None:
            return Claim(object_id, attempt.fields_hash, joined=False)
        known = await self.known(attempt.key)
        assert known is not None  # it is what the statement ran into
        return known

    async def known(self, key: str) -> Claim | None:
        """Return what was decided for ``key``, or None."""
        query = select(RequestClaim.object_id, RequestClaim.fields_hash)
        row = (await self._session.execute(query.where(RequestClaim.key == key))).one_or_none()
        return None if row is None else Claim(row.object_id, row.fields_hash, joined=True)

    async def unreceived(self, answer_ids: Collection[str]) -> set[str]:
        """Return those of the ids that were answered with, and not named by any request since."""
        query = select(RequestClaim.answer_id).where(
            RequestClaim.answer_id.in_(answer_ids), RequestClaim.received_at.is_(None)
        )
        return {str(found) for found in await self._session.scalars(query)}

    async def receive(self, answer_ids: Collection[str]) -> None:
        """Note that a request named these ids: the answers that told of them have arrived."""
        query = update(RequestClaim).where(
            RequestClaim.answer_id.in_(answer_ids), RequestClaim.received_at.is_(None)
        )
        await self._session.execute(query.values(received_at=now()))

    async def forget_old(self) -> None:
        """Drop what no repeat asks for any more."""
        await self._session.execute(
            delete(RequestClaim).where(RequestClaim.claimed_at < now() - KEPT_FOR)
        )


def _replaces(attempt: Attempt, source: str | None) -> ColumnElement[bool]:
    """When this attempt takes an existing claim over."""
    match attempt.repeat:
        case Repeat.KEYED:
            return false()
        case Repeat.RETRY:
            return or_(
                RequestClaim.claimed_at < now() - RETRY_WINDOW,
                RequestClaim.received_at.is_not(None),
                RequestClaim.source.is_distinct_from(source),
            )
        case Repeat.FIRST:
            # A slow first attempt can be overtaken by its own repeat, and then joins it.
            overtaken = and_(
                RequestClaim.repeat == Repeat.RETRY.value,
                RequestClaim.claimed_at > attempt.arrived_at,
            )
            return not_(overtaken)
