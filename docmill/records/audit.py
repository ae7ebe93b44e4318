"""The audit log: a row and a structured log line for everything that somebody did.

A transaction of an actor that changes anything writes its row itself, so that there is no change
without a row and no row without a change. The line follows the commit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import event, insert, inspect, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import ORMExecuteState, Session

from docmill.contracts.access import Actor
from docmill.records.tables.access import AuditEvent
from docmill.records.tables.base import now

MAX_OBJECTS = 100
"""Ids that one event names: a request can change a million entries of a directory."""

log = structlog.get_logger("audit")


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done and is not yet in the audit log."""

    at: datetime
    project_id: str
    actor: Actor
    objects: tuple[str, ...]


def deed(project_id: str, actor: Actor, objects: Iterable[str]) -> Deed:
    """Return what ``actor`` did now, to at most `MAX_OBJECTS` objects."""
    return Deed(now(), project_id, actor, tuple(dict.fromkeys(objects))[:MAX_OBJECTS])


_CHANGED = "changed"
"""In the info of a session: the ids of what it has changed so far."""


async def audit_changes(session: AsyncSession) -> Deed | None:
    """Add the row of what this transaction of an actor has changed, and return it; None: nothing.

    The log's line is written by `say`, once it is committed.
    """
    actor: Actor | None = session.info.get("actor")
    if actor is None:
        return None
    await session.flush()
    if _CHANGED not in session.info:
        return None
    done = deed(session.info["scope"], actor, (*actor.objects, *session.info.pop(_CHANGED)))
    await Audit(session).add([done])
    return done


def _note_flush(session: Session, _context: object) -> None:
    """Note the objects that a flush has written, by their ids."""
    changed: list[str] = session.info.setdefault(_CHANGED, [])
    for row in (*session.new, *session.dirty, *session.deleted):
        key = inspect(row).mapper.primary_key
        if [column.name for column in key] == ["id"]:
            changed.append(str(row.id))


def _note_statement(state: ORMExecuteState) -> None:
    """Note that a statement may have changed something; which rows, the actor's request says."""
    if not state.is_select:
        state.session.info.setdefault(_CHANGED, [])


def watch(sessions: type[Session]) -> None:
    """Note what the sessions of this class change."""
    event.listen(sessions, "after_flush", _note_flush)
    event.listen(sessions, "do_orm_execute", _note_statement)


def say(what: Deed) -> None:
    """Write the line of the structured log."""
    log.info(
        "audit",
        project_id=what.project_id,
        actor=what.actor.name,
        action=what.actor.action,
        objects=list(what.objects),
    )


class Audit:
    """Adds to the audit log, and reads it."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, deeds: Sequence[Deed]) -> None:
        """Add rows; the caller's transaction decides whether they count."""
        rows = [
            {
                "at": one.at,
                "project_id": one.project_id,
                "actor": one.actor.name,
                "action": one.actor.action,
                "objects": list(one.objects),
            }
            for one in deeds
        ]
        await self._session.execute(insert(AuditEvent), rows)

    async def list(
        self, project_id: str, *, before: int | None = None, limit: int
    ) -> Sequence[AuditEvent]:
        """Return a project's events, the latest first, with numbers below ``before``."""
        query = select(AuditEvent).where(AuditEvent.project_id == project_id)
        if before is not None:
            query = query.where(AuditEvent.number < before)
        query = query.order_by(AuditEvent.number.desc()).limit(limit)
        return (await self._session.scalars(query)).all()
