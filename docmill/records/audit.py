"""Audit log: a row and a structured log line for every change by an actor.

A transaction of an actor that changes data inserts the row itself, so that both are committed or
neither. The log line follows the commit.
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
"""Maximum ids in one event. A request can change a million entries of a directory."""

log = structlog.get_logger("audit")


@dataclass(frozen=True, slots=True)
class Change:
    """A change that is not in the audit log yet."""

    at: datetime
    project_id: str
    actor: Actor
    objects: tuple[str, ...]


def change_of(project_id: str, actor: Actor, objects: Iterable[str]) -> Change:
    """Return the current change by ``actor``, with at most `MAX_OBJECTS` objects."""
    return Change(now(), project_id, actor, tuple(dict.fromkeys(objects))[:MAX_OBJECTS])


_CHANGED = "changed"
"""Key of the ids of changed objects in the info of a session."""


async def audit_changes(session: AsyncSession) -> Change | None:
    """Insert the row for the changes of this transaction, and return it; None without changes.

    `log_change` writes the log line after the commit.
    """
    actor: Actor | None = session.info.get("actor")
    if actor is None:
        return None
    await session.flush()
    if _CHANGED not in session.info:
        return None
    done = change_of(session.info["scope"], actor, (*actor.objects, *session.info.pop(_CHANGED)))
    await Audit(session).add([done])
    return done


def _note_flush(session: Session, _context: object) -> None:
    """Record the ids of objects that a flush has written."""
    changed: list[str] = session.info.setdefault(_CHANGED, [])
    for row in (*session.new, *session.dirty, *session.deleted):
        key = inspect(row).mapper.primary_key
        if [column.name for column in key] == ["id"]:
            changed.append(str(row.id))


def _note_statement(state: ORMExecuteState) -> None:
    """Record that a statement may have changed rows; the actor's request names them."""
    if not state.is_select:
        state.session.info.setdefault(_CHANGED, [])


def watch(sessions: type[Session]) -> None:
    """Record the changes of sessions of this class."""
    event.listen(sessions, "after_flush", _note_flush)
    event.listen(sessions, "do_orm_execute", _note_statement)


def log_change(what: Change) -> None:
    """Write the structured log line."""
    log.info(
        "audit",
        project_id=what.project_id,
        actor=what.actor.name,
        action=what.actor.action,
        objects=list(what.objects),
    )


class Audit:
    """Queries over the audit log."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def record(self, project_id: str, actor: Actor, objects: Iterable[str]) -> Change:
        """Insert the row of a change in a session of all projects, and return the change.

        `log_change` writes the log line after the commit.
        """
        change = change_of(project_id, actor, objects)
        await self.add([change])
        return change

    async def add(self, changes: Sequence[Change]) -> None:
        """Insert rows in the caller's transaction."""
        rows = [
            {
                "at": one.at,
                "project_id": one.project_id,
                "actor": one.actor.name,
                "action": one.actor.action,
                "objects": list(one.objects),
            }
            for one in changes
        ]
        await self._session.execute(insert(AuditEvent), rows)

    async def list(
        self, project_id: str, *, before: int | None = None, limit: int
    ) -> Sequence[AuditEvent]:
        """Return a project's events with numbers below ``before``, newest first."""
        query = select(AuditEvent).where(AuditEvent.project_id == project_id)
        if before is not None:
            query = query.where(AuditEvent.number < before)
        query = query.order_by(AuditEvent.number.desc()).limit(limit)
        return (await self._session.scalars(query)).all()
