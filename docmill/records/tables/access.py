"""Who may call the HTTP API, how often, and what was done: keys, link keys, rates, audit."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from docmill.records.tables.base import BigInt, Table, now


class ApiKey(Table):
    """A key of one project. Its secret is not stored, only an HMAC of it."""

    __tablename__ = "api_keys"
    __table_args__ = (Index(None, "project_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    """The middle part of ``dml_<id>_<secret>``."""
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str]
    role: Mapped[str]
    """``read``, ``write`` or ``admin``; see `docmill.contracts.access.Role`."""
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """HMAC-SHA-256 of the secret under the key's id."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    """To the minute: it is written at most that often."""


class AuthenticationMode(Table):
    """One row once a first key was ever created: since then the API demands one."""

    __tablename__ = "authentication_mode"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    keys_since: Mapped[datetime] = mapped_column(default=now)


class LinkKey(Table):
    """A key that signed links are made with; the latest one signs, older ones still check."""

    __tablename__ = "link_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=now)


class RequestRate(Table):
    """The theoretical arrival time of a project's next request, of a limited project only."""

    __tablename__ = "request_rates"

    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    arrival: Mapped[float]
    """Seconds since the epoch, of the database's clock."""


class AuditEvent(Table):
    """What somebody did. Rows are only ever added: triggers refuse changes and deletions.

    It holds ids and no data, refers to no other table, and stays when a project is deleted.
    """

    __tablename__ = "audit_events"
    __table_args__ = (Index(None, "project_id", "number"),)

    number: Mapped[int] = mapped_column(BigInt, primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    project_id: Mapped[str]
    actor: Mapped[str]
    """``key:<id>``, ``local`` for the API without keys, or ``cli:<user>``."""
    action: Mapped[str]
    """What was asked for: the operation's name, such as ``create_batch``."""
    objects: Mapped[list[Any]]
    """Ids of what it was done to."""
