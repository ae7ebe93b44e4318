"""Scope of sessions: restricts statements to one project.

A session of one project sees only rows of this project: a hook adds the condition to every
statement of the mapper, for every table in it. This module defines how rows of a table belong to a
project; other tables are empty in such a session. A session without a scope cannot execute
statements. A session of a project cannot execute statements that bypass the mapper (Core on bare
tables, text). Workers and commands use the scope of all projects.
"""

from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, FromClause, event, false, func, select
from sqlalchemy.orm import InstrumentedAttribute, ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.orm.util import LoaderCriteriaOption
from sqlalchemy.sql import visitors
from sqlalchemy.sql.schema import Table as SchemaTable

from docmill.records.audit import watch
from docmill.records.tables.access import ApiKey, AuditEvent, RequestRate
from docmill.records.tables.api import RequestClaim, WebhookConfiguration, WebhookTarget
from docmill.records.tables.attempts import EngineLease, PastAttempt, PastOutcome
from docmill.records.tables.base import Table
from docmill.records.tables.batches import (
    Batch,
    BatchCount,
    BatchItem,
    BatchListing,
    BatchWarningCount,
    ItemStep,
    JobDetails,
    Result,
)
from docmill.records.tables.sources import (
    Configuration,
    ConfigurationVersion,
    Directory,
    DirectoryFile,
    File,
    Project,
    ScanMark,
    Sync,
)
from docmill.records.tables.webhooks import WebhookAttempt, WebhookEvent


class _Every(Enum):
    PROJECT = "every project"


EVERY_PROJECT: Final = _Every.PROJECT
"""Scope for all projects: workers, commands, keys."""

Scope = str | _Every
"""A project's id, or `EVERY_PROJECT`."""

OWNED: tuple[type[Table], ...] = (
    ApiKey,
    AuditEvent,
    Batch,
    Configuration,
    Directory,
    DirectoryFile,
    EngineLease,
    File,
    RequestClaim,
    RequestRate,
    Result,
    Sync,
    WebhookConfiguration,
    WebhookEvent,
    WebhookTarget,
)
"""Tables whose rows contain their project's id."""

_JOB_ID_LENGTH = 40
"""Length of a job id: a prefix of three letters, a dash and a UUID."""

CHILDREN: dict[
    type[Table], tuple[ColumnElement[Any] | InstrumentedAttribute[Any], type[Table], str]
]
CHILDREN = {
    BatchCount: (BatchCount.batch_id, Batch, "id"),
    BatchItem: (BatchItem.batch_id, Batch, "id"),
    BatchListing: (BatchListing.batch_id, Batch, "id"),
    BatchWarningCount: (BatchWarningCount.batch_id, Batch, "id"),
    ConfigurationVersion: (ConfigurationVersion.configuration_id, Configuration, "id"),
    # The id of a run consists of the id of the job and an epoch.
    ItemStep: (func.substr(ItemStep.run_id, 1, _JOB_ID_LENGTH), BatchItem, "job_id"),
    JobDetails: (JobDetails.job_id, BatchItem, "job_id"),
    PastAttempt: (PastAttempt.batch_id, Batch, "id"),
    PastOutcome: (PastOutcome.batch_id, Batch, "id"),
    ScanMark: (ScanMark.directory_id, Directory, "id"),
    WebhookAttempt: (WebhookAttempt.event_id, WebhookEvent, "id"),
}
"""Tables whose rows belong to a parent's row."""


class UnscopedStatementError(RuntimeError):
    """A statement cannot be restricted to a project. This is a bug, never an invalid input."""


class ScopedSession(Session):
    """A session with a scope, ``info["scope"]``, and an actor, ``info["actor"]``."""


watch(ScopedSession)


def check_core(session: Session, statement: object) -> None:
    """Allow a statement that the hook does not see: an insert, or one for all projects.

    Raises:
        UnscopedStatementError: the session is of one project, or of none.
    """
    is_insert = getattr(statement, "is_insert", False)  # its parent was checked before
    if session.info.get("scope") is not EVERY_PROJECT and not is_insert:
        raise UnscopedStatementError(
            "A statement on bare tables is not held to a project: write it with mapped classes."
        )


@event.listens_for(ScopedSession, "do_orm_execute")
def _hold(state: ORMExecuteState) -> None:
    """Restrict a statement to the project of its session."""
    scope = state.session.info.get("scope")
    if scope is EVERY_PROJECT:
        return
    if scope is None:
        raise UnscopedStatementError(
            "This session has no scope: take the database of a project, or EVERY_PROJECT."
        )
    if state.is_insert or not state.is_orm_statement:
        check_core(state.session, state.statement)
        return
    tables = frozenset(_tables_in(state.statement))
    state.statement = state.statement.options(*_criteria(tables, scope))


@event.listens_for(ScopedSession, "before_flush")
def _own(session: Session, _context: object, _instances: object) -> None:
    """Reject writes of objects of another project."""
    scope = session.info.get("scope")
    if scope is EVERY_PROJECT:
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        owner = row.id if isinstance(row, Project) else getattr(row, "project_id", scope)
        if scope is None or owner != scope:
            raise UnscopedStatementError("This object is not of the session's project.")


_CLASSES = {mapper.local_table: mapper.class_ for mapper in Table.registry.mappers}


def _tables_in(statement: Any) -> Iterator[FromClause]:
    for element in visitors.iterate(statement):
        if isinstance(element, SchemaTable):
            yield element


@lru_cache(maxsize=4_096)
def _criteria(tables: frozenset[FromClause], project_id: str) -> tuple[LoaderCriteriaOption, ...]:
    """Return the criteria that restrict each of these tables to a project."""
    return tuple(
        with_loader_criteria(
            _CLASSES[table], belongs_to(_CLASSES[table], project_id), include_aliases=True
        )
        for table in tables
    )


def belongs_to(table: type[Table], project_id: str) -> ColumnElement[bool]:
    """Return the condition that a row of ``table`` belongs to a project; false for other tables."""
    if table is Project:
        return Project.id == project_id
    if table in OWNED:
        return _column(table, "project_id") == project_id
    if table not in CHILDREN:
        return false()
    child, parent, key = CHILDREN[table]
    return _in_project(parent, key, child, project_id)


def _in_project(parent: type[Table], key: str, child: Any, project_id: str) -> ColumnElement[bool]:
    """Return the condition that the parent of a row belongs to the project.

    It uses an alias of the bare table, so that it neither interferes with a join of the parent in
    the query nor receives a condition of its own.
    """
    columns = cast(SchemaTable, parent.__table__).alias(f"owner_{parent.__tablename__}").c
    if parent in CHILDREN:
        named_by, above, above_key = CHILDREN[parent]
        inside = _in_project(above, above_key, columns[str(named_by.key)], project_id)
    else:
        inside = columns.project_id == project_id
    return select(1).where(columns[key] == child, inside).exists()


def _column(table: type[Table], name: str) -> ColumnElement[Any]:
    column: ColumnElement[Any] = getattr(table, name)
    return column
