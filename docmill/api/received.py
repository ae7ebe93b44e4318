"""Which new objects their makers know of: those whose ids a request has named since.

The answer of a create can be lost, and its retry then finds the object that was made. Once any
request names the object's id, its maker has received it, and a later retry of an equal create is
about another object.
"""

import re
from collections import OrderedDict
from collections.abc import Set

from fastapi import Request
from fastapi.routing import APIRoute

from docmill.records.claims import Claims
from docmill.records.database import Database

REMEMBERED = 10_000
"""Ids that need not be looked up again."""
MOST = 1_000
"""Ids of one request that are looked up; only bodies that list files have more."""

_ID = re.compile(
    r"\b(?:bat|bjb|dir|dfl|pjb|ext|clj|whc)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
)


class Received:
    """Notes the ids that requests name; each is looked up once by a process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[str, None] = OrderedDict()

    async def note(self, ids: Set[str]) -> None:
        """Note that the answers that told of these ids have arrived.

        Raises:
            UnavailableError: the database is away.
        """
        new = [identifier for identifier in ids if identifier not in self._known][:MOST]
        if not new:
            return
        async with self._database.read() as session:
            unreceived = await Claims(session).unreceived(new)
        if unreceived:
            async with self._database.write() as session:
                await Claims(session).receive(unreceived)
        self._known.update(dict.fromkeys(new))
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


async def note_received(request: Request) -> None:
    """Dependency of every route: what a request names in its address or its JSON was received."""
    text = f"{request.url.path}?{request.url.query}"
    route = request.scope.get("route")
    if isinstance(route, APIRoute) and route.body_field is not None:
        text += (await request.body()).decode(errors="replace")
    if ids := set(_ID.findall(text)):
        received: Received = request.state.services.received
        await received.note(ids)
