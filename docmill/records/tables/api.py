"""What only the HTTP API keeps: decided ids of creates, webhook endpoints."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from docmill.records.tables.base import Table, now


class RequestClaim(Table):
    """The id that a create's new object has or will have, so that a repeat finds it."""

    __tablename__ = "request_claims"
    __table_args__ = (Index(None, "claimed_at"), Index(None, "answer_id"))

    key: Mapped[str] = mapped_column(primary_key=True)
    """Hash of project, route and fields; or of project, route and the client's own key."""
    fields_hash: Mapped[str]
    object_id: Mapped[str]
    answer_id: Mapped[str | None]
    """What the client is told of: of a single job the job, whose batch of one is the object."""
    source: Mapped[str | None]
    """Hash of the state of what the object was made from."""
    received_at: Mapped[datetime | None]
    """When a request first named the object: since then its maker knows of it."""
    repeat: Mapped[str]
    """Which kind of request decided: ``first``, ``retry`` or ``keyed``."""
    claimed_at: Mapped[datetime] = mapped_column(default=now)


class WebhookConfiguration(Table):
    """A stored endpoint that events are sent to."""

    __tablename__ = "webhook_configurations"
    __table_args__ = (Index(None, "project_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    webhook_url: Mapped[str]
    webhook_events: Mapped[list[Any] | None]
    """None means every event."""
    webhook_headers: Mapped[dict[str, Any] | None]
    webhook_output_format: Mapped[str | None]
    signing_secret: Mapped[str | None]
    """Never shown; deliveries are signed with it."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class WebhookTarget(Table):
    """An endpoint that one batch or job reports to, frozen when it was created."""

    __tablename__ = "webhook_targets"

    owner_id: Mapped[str] = mapped_column(primary_key=True)
    """The batch or job."""
    number: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    configuration_id: Mapped[str | None]
    """A stored endpoint; or else ``endpoint`` holds it as the request gave it."""
    endpoint: Mapped[dict[str, Any] | None]
    events: Mapped[list[Any] | None]
    """Which events it gets; None: those that its endpoint asks for, as far as they can happen."""
