"""Creates that are safe to repeat.

The official clients repeat a POST whose answer was lost, without an idempotency key; a repeat
shows only in ``x-stainless-retry-count``. So every create first decides its new object's id in
a small table, keyed by what was asked: a repeat finds the id of the first attempt, also while
that one still runs, and the object's own primary key lets one of the two insert it.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Header, Request

from docmill.api.errors import FieldError
from docmill.api.scope import Scope, current_scope
from docmill.api.services import Services, current_services
from docmill.ids import Prefix, new_id
from docmill.records.claims import Claims, Repeat


class Creates:
    """Decides the ids of one request's new objects."""

    def __init__(
        self, services: Services, scope: Scope, route: str, key: str | None, repeat: Repeat
    ) -> None:
        self._services = services
        self._scope = scope
        self._route = route
        self._key = key
        self._repeat = repeat
        self._arrived = datetime.now(UTC)

    async def id_for(self, prefix: Prefix, fields: Mapping[str, Any]) -> str:
        """Return the id of the object that ``fields`` ask for.

        Args:
            prefix: the kind of the object.
            fields: everything that was asked, parsed; for an upload also the bytes' hash.

        Raises:
            FieldError: the request's ``Idempotency-Key`` was used with other fields.
        """
        asked = _digest(self._scope.project_id, self._route, fields)
        key = asked
        if self._key:
            key = _digest(self._scope.project_id, self._route, {"key": self._key})
        async with self._services.database.write() as session:
            claim = await Claims(session).decide(
                key, asked, new_id(prefix), self._repeat, self._arrived
            )
        if claim.fields_hash != asked:
            raise FieldError(
                "This Idempotency-Key was used with other fields.", "header", "Idempotency-Key"
            )
        return claim.object_id


def _digest(project_id: str, route: str, fields: Mapping[str, Any]) -> str:
    canonical = json.dumps([project_id, route, fields], sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


def creates(
    request: Request,
    services: Annotated[Services, Depends(current_services)],
    scope: Annotated[Scope, Depends(current_scope)],
    idempotency_key: Annotated[str | None, Header(max_length=255)] = None,
    x_stainless_retry_count: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Creates:
    """Dependency: the ids of this request's creates."""
    repeat = Repeat.FIRST
    if idempotency_key:
        repeat = Repeat.KEYED
    elif x_stainless_retry_count and x_stainless_retry_count.strip() not in ("", "0"):
        repeat = Repeat.RETRY
    return Creates(services, scope, request.url.path, idempotency_key, repeat)


CurrentCreates = Annotated[Creates, Depends(creates)]
