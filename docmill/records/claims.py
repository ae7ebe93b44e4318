"""Idempotent creates: a repeated request returns the id of the first one."""

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
"""Time within which a repeat without a key finds the first request; exceeds all SDK retries."""
KEPT_FOR = timedelta(days=7)
"""Lifetime of an explicit idempotency key."""


class Repeat(StrEnum):
    """Kind of a create request."""

    FIRST = "first"
    """The client's first request: a new object, even if its fields are known."""
    RETRY = "retry"
    """A repeat: the latest object with these fields, whose response may have been lost."""
    KEYED = "keyed"
    """The client sends an idempotency key: one object for ever."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A create request.

    Attributes:
        key: hash by which requests are equal.
        fields_hash: hash of the requested fields.
        repeat: kind of the request.
        arrived_at: arrival time, before its body was read.
        project_id: project of the request.
    """

    key: str
    fields_hash: str
    repeat: Repeat
    arrived_at: datetime
    project_id: str


@dataclass(frozen=True, slots=True)
class Claim:
    """Result of a claim.

    Attributes:
        joined: whether an earlier request decided the id.
    """

    object_id: str
    fields_hash: str
    joined: bool


class Claims:
    """Decides ids in one statement, so that one of two concurrent requests decides for both.

    A claim is part of the transaction that creates its object, so both exist or neither.
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
        """Return the id for a request: that of an earlier one, or ``object_id``.

        A retry joins only an object that its client may not know: not one that was named by a
        request, nor one whose source has changed since.

        Args:
            attempt: the request.
            object_id: id if no earlier request decided.
            answer_id: id in the response, if it differs.
            source: hash of the state from which the object is created.
        """
        values = {
            "key": attempt.key,
            "project_id": attempt.project_id,
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
        assert known is not None  # the conflicting row exists
        return known

    async def known(self, key: str) -> Claim | None:
        """Return the claim for ``key``, or None."""
        query = select(RequestClaim.object_id, RequestClaim.fields_hash)
        row = (await self._session.execute(query.where(RequestClaim.key == key))).one_or_none()
        return None if row is None else Claim(row.object_id, row.fields_hash, joined=True)

    async def unreceived(self, answer_ids: Collection[str]) -> set[str]:
        """Return those of the answered ids that no request has named since."""
        query = select(RequestClaim.answer_id).where(
            RequestClaim.answer_id.in_(answer_ids), RequestClaim.received_at.is_(None)
        )
        return {str(found) for found in await self._session.scalars(query)}

    async def receive(self, answer_ids: Collection[str]) -> None:
        """Record that a request named these ids, which proves that the responses arrived."""
        query = update(RequestClaim).where(
            RequestClaim.answer_id.in_(answer_ids), RequestClaim.received_at.is_(None)
        )
        await self._session.execute(query.values(received_at=now()))

    async def delete_expired(self) -> None:
        """Delete expired claims."""
        await self._session.execute(
            delete(RequestClaim).where(RequestClaim.claimed_at < now() - KEPT_FOR)
        )


def _replaces(attempt: Attempt, source: str | None) -> ColumnElement[bool]:
    """Return the condition under which a request replaces an existing claim."""
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
            # A slow first request can be overtaken by its own repeat, and then joins it.
            overtaken = and_(
                RequestClaim.repeat == Repeat.RETRY.value,
                RequestClaim.claimed_at > attempt.arrived_at,
            )
            return not_(overtaken)
