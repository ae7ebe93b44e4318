"""Access to the HTTP API: keys, link keys, rates, and the audit log."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from docmill.records.encryption import EncryptedBytes
from docmill.records.tables.base import BigInt, Table, now


class ApiKey(Table):
    """An API key of one project. Only an HMAC of its secret is stored."""

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
    """Precise to the minute, which bounds its writes."""


class AuthenticationMode(Table):
    """One row after the first key was created: the API requires keys from then on."""

    __tablename__ = "authentication_mode"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    keys_since: Mapped[datetime] = mapped_column(default=now)


class LinkKey(Table):
    """A key of signed links. The latest one signs; older ones verify."""

    __tablename__ = "link_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    secret: Mapped[bytes] = mapped_column(EncryptedBytes)
    created_at: Mapped[datetime] = mapped_column(default=now)


class RequestRate(Table):
    """Theoretical arrival time of the next request of a rate-limited project."""

    __tablename__ = "request_rates"

    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    arrival: Mapped[float]
    """Seconds since the epoch by the database's clock."""


class AuditEvent(Table):
    """A recorded action. Rows are append-only: triggers reject changes and deletions.

    It contains ids and no data, references no other table, and survives the deletion of its
    project.
    """

    __tablename__ = "audit_events"
    __table_args__ = (Index(None, "project_id", "number"),)

    number: Mapped[int] = mapped_column(BigInt, primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    project_id: Mapped[str]
    actor: Mapped[str]
    """``key:<id>``, ``local`` for the API without keys, or ``cli:<user>``."""
    action: Mapped[str]
    """Name of the operation, such as ``create_batch``."""
    objects: Mapped[list[Any]]
    """Ids of the affected objects."""
