"""Idempotent creation of objects.

The official clients retry a POST whose response was lost without an idempotency key; only the
header ``x-stainless-retry-count`` marks the retry. Therefore a create claims the id of its new
object in a table that is keyed by the hash of the request, in the transaction that inserts the
object. A retry finds the object of the first request, and waits while that request still runs.
"""

import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Mapping, Set
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.routing import APIRoute

from docmill.api.core.errors import FieldError
from docmill.api.core.scope import Scope, current_scope
from docmill.errors import NotFoundError
from docmill.ids import Prefix, new_id
from docmill.records.batches import Batches
from docmill.records.claims import Attempt, Claim, Claims, Repeat
from docmill.records.database import Database, Session
from docmill.records.tables.batches import Batch


class Idempotency:
    """Claims the id of the object that a request creates.

    Attributes:
        keyed: whether the request has an ``Idempotency-Key``.
    """

    def __init__(self, scope: Scope, route: str, key: str | None, repeat: Repeat) -> None:
        self.keyed = repeat is Repeat.KEYED
        self._scope = scope
        self._route = route
        self._key = key
        self._repeat = repeat
        self._arrived = datetime.now(UTC)

    async def before(self, session: Session, fields: Mapping[str, Any]) -> str | None:
        """Return the id of the object that an earlier request with the same key created.

        It is found even if its source was deleted since. None without a key.

        Raises:
            FieldError: the request's ``Idempotency-Key`` was used with other fields.
        """
        if not self.keyed:
            return None
        attempt = self._attempt(fields)
        known = await Claims(session).known(attempt.key)
        return None if known is None else _checked(known, attempt).object_id

    async def claim(
        self,
        session: Session,
        fields: Mapping[str, Any],
        object_id: str,
        *,
        answer_id: str | None = None,
        source: object = None,
    ) -> Claim:
        """Claim the id of the object that the request creates; the caller inserts the object.

        Args:
            session: of the transaction that inserts the object.
            fields: all fields of the request, parsed; for an upload also the hash of its bytes.
            object_id: the id for a new object.
            answer_id: the id in the response, if it differs from ``object_id``.
            source: the state of the object's source: watermarks, versions.

        Raises:
            FieldError: the request's ``Idempotency-Key`` was used with other fields.
        """
        attempt = self._attempt(fields)
        state = None if source is None else _digest(source)
        claim = await Claims(session).decide(attempt, object_id, answer_id=answer_id, source=state)
        return _checked(claim, attempt)

    async def known_batch(self, session: Session, fields: Mapping[str, Any]) -> Batch | None:
        """Return the batch that an earlier request with the same key created; see `before`."""
        made = await self.before(session, fields)
        return await self._batch(session, made) if made else None

    async def claim_batch(
        self, session: Session, fields: Mapping[str, Any], prefix: Prefix, source: object
    ) -> str | Batch:
        """Return the id of the batch to insert, or the batch of an earlier request; see `claim`."""
        claim = await self.claim(session, fields, new_id(prefix), source=source)
        known = await self._batch(session, claim.object_id) if claim.joined else None
        return known or claim.object_id

    async def _batch(self, session: Session, batch_id: str) -> Batch | None:
        return await Batches(session).find(self._scope.project_id, batch_id)

    def _attempt(self, fields: Mapping[str, Any]) -> Attempt:
        requested = _digest([self._scope.project_id, self._route, fields])
        key = requested
        if self.keyed:
            key = _digest([self._scope.project_id, self._route, {"key": self._key}])
        return Attempt(key, requested, self._repeat, self._arrived, self._scope.project_id)


def deleted_object_error(object_id: str) -> NotFoundError:
    """Return the error of a repeated create whose object was deleted."""
    return NotFoundError(
        f"An earlier request created {object_id}, which was deleted.",
        "Send the request with another key, or with none, to create a new object.",
    )


def _checked(claim: Claim, attempt: Attempt) -> Claim:
    if claim.fields_hash != attempt.fields_hash:
        raise FieldError(
            "This Idempotency-Key was already used with other fields.", "header", "Idempotency-Key"
        )
    return claim


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


async def idempotency_of(
    request: Request,
    scope: Annotated[Scope, Depends(current_scope)],
    idempotency_key: Annotated[str | None, Header(max_length=255)] = None,
    x_stainless_retry_count: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Idempotency:
    """FastAPI dependency: the idempotency of this request."""
    repeat = Repeat.FIRST
    if idempotency_key:
        repeat = Repeat.KEYED
    elif x_stainless_retry_count and x_stainless_retry_count.strip() not in ("", "0"):
        repeat = Repeat.RETRY
    return Idempotency(scope, request.url.path, idempotency_key, repeat)


CurrentIdempotency = Annotated[Idempotency, Depends(idempotency_of)]


REMEMBERED = 10_000
"""Ids in memory that were already recorded as received."""
MAX_LOOKUPS = 1_000
"""Ids of one request that are looked up at most; only bodies that list files have more."""

_ID = re.compile(
    r"\b(?:bat|bjb|dir|dfl|pjb|ext|clj|whc)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
)


class ReceivedIds:
    """Records that clients received the ids that they send; a process looks each id up once."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def note(self, database: Database, project_id: str, ids: Set[str]) -> None:
        """Record that the responses with these ids of a project have arrived.

        Raises:
            UnavailableError: the database is unavailable.
        """
        new = [one for one in ids if (project_id, one) not in self._known][:MAX_LOOKUPS]
        if not new:
            return
        database = database.scoped(project_id)
        async with database.read() as session:
            unreceived = await Claims(session).unreceived(new)
        if unreceived:
            async with database.write() as session:
                await Claims(session).receive(unreceived)
        self._known.update(dict.fromkeys((project_id, one) for one in new))
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


async def note_received(request: Request, scope: Annotated[Scope, Depends(current_scope)]) -> None:
    """FastAPI dependency of project routes: record the ids in URL and JSON as received."""
    text = f"{request.url.path}?{request.url.query}"
    route = request.scope.get("route")
    if isinstance(route, APIRoute) and route.body_field is not None:
        text += (await request.body()).decode(errors="replace")
    if ids := set(_ID.findall(text)):
        services = request.state.services
        received: ReceivedIds = services.received
        await received.note(services.database, scope.project_id, ids)
