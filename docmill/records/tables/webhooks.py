"""Webhook events and the attempts to deliver them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from docmill.records.tables.base import Table, now

URGENT, ORDINARY = 0, 1
"""Priorities of an event. An urgent one comes first, and ends the rest period of an endpoint."""

PENDING_EVENT = text("state = 'pending'")
"""Condition of a partial index. Statements have to repeat these exact words to use the index."""


class WebhookEvent(Table):
    """The outbox: one row per event and endpoint, written with the change that it reports.

    Delivered and abandoned events stay as the delivery log until retention deletes them.
    """

    __tablename__ = "webhook_outbox"
    __table_args__ = (
        Index(
            None,
            "endpoint_id",
            "turn",
            "created_at",
            "id",
            sqlite_where=PENDING_EVENT,
            postgresql_where=PENDING_EVENT,
        ),
        Index(
            "ix_webhook_outbox_unannounced",
            "created_at",
            "id",
            sqlite_where=text("announced IS 0"),
            postgresql_where=text("announced IS FALSE"),
        ),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "owner_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    """Derived from the event, so that a repeated insert creates one row."""
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    namespace: Mapped[str]
    """Temporal namespace whose workers deliver it: that of the batch."""
    endpoint_id: Mapped[str]
    """Id of a stored endpoint, or one derived from an inline endpoint's URL."""
    owner_id: Mapped[str]
    """The batch; for a test event the endpoint."""
    number: Mapped[int]
    """Number of the owner's `WebhookTarget` row with an inline endpoint."""
    event_type: Mapped[str]
    subject_id: Mapped[str]
    """The batch or job that the event reports."""
    data: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="pending")
    """``pending``, ``delivered``, ``given_up``, or ``dropped``: its endpoint was deleted."""
    announced: Mapped[bool] = mapped_column(default=False)
    """Whether the endpoint's workflow was notified."""
    turn: Mapped[int] = mapped_column(default=ORDINARY)
    attempts: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    """Attempts since it was last requested, which determine the delays."""
    next_at: Mapped[datetime | None]
    """Earliest time of the next attempt; None: now. By the clock of Temporal's server."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]


class WebhookAttempt(Table):
    """One attempt to deliver one event."""

    __tablename__ = "webhook_attempts"

    event_id: Mapped[str] = mapped_column(
        ForeignKey("webhook_outbox.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    status_code: Mapped[int | None]
    """None if the endpoint did not answer."""
    duration_ms: Mapped[int]
    error: Mapped[str | None]
    """Reason of a failure, without the text of the response."""
