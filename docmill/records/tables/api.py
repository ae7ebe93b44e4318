"""Tables of the HTTP API: ids of creates, webhook endpoints."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from docmill.records.encryption import EncryptedJson, EncryptedText
from docmill.records.tables.base import Table, now


class RequestClaim(Table):
    """The id of a create's object, by which a repeated create finds it."""

    __tablename__ = "request_claims"
    __table_args__ = (Index(None, "claimed_at"), Index(None, "answer_id"))

    key: Mapped[str] = mapped_column(primary_key=True)
    """Hash of project, route and fields; or of project, route and the client's own key."""
    project_id: Mapped[str]
    fields_hash: Mapped[str]
    object_id: Mapped[str]
    answer_id: Mapped[str | None]
    """Id in the response: for a single job the job, whose batch of one is the object."""
    source: Mapped[str | None]
    """Hash of the state from which the object was created."""
    received_at: Mapped[datetime | None]
    """Time of the first request that names the object, which proves that the client knows it."""
    repeat: Mapped[str]
    """Kind of the deciding request: ``first``, ``retry`` or ``keyed``."""
    claimed_at: Mapped[datetime] = mapped_column(default=now)


class WebhookConfiguration(Table):
    """A stored endpoint for events."""

    __tablename__ = "webhook_configurations"
    __table_args__ = (Index(None, "project_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    webhook_url: Mapped[str] = mapped_column(EncryptedText)
    """It is often a credential itself, because it allows posts without authentication."""
    webhook_events: Mapped[list[Any] | None]
    """None means every event."""
    webhook_headers: Mapped[dict[str, Any] | None] = mapped_column(EncryptedJson)
    webhook_output_format: Mapped[str | None]
    signing_secret: Mapped[str | None] = mapped_column(EncryptedText)
    """Signs deliveries; never displayed."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class WebhookTarget(Table):
    """A webhook target of one batch or job, frozen at its creation."""

    __tablename__ = "webhook_targets"

    owner_id: Mapped[str] = mapped_column(primary_key=True)
    """The batch or job."""
    number: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    configuration_id: Mapped[str | None]
    """A stored endpoint; otherwise ``endpoint`` holds an inline one."""
    endpoint: Mapped[dict[str, Any] | None] = mapped_column(EncryptedJson)
    events: Mapped[list[Any] | None]
    """Events for this target; None: all possible events that its endpoint selects."""
