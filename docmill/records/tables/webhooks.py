"""What is to be sent to webhooks, and what became of each attempt."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from docmill.records.tables.base import Table, now

URGENT, ORDINARY = 0, 1
"""Turns of an event: what somebody waits for goes first, and does not wait for a rest to end."""

_PENDING = text("state = 'pending'")


class WebhookEvent(Table):
    """The outbox: one row per event and endpoint, written with the change that it tells of.

    Rows that are delivered or given up stay as the delivery log until retention removes them.
    """

    __tablename__ = "webhook_outbox"
    __table_args__ = (
        Index(
            None,
            "endpoint_id",
            "turn",
            "created_at",
            "id",
            sqlite_where=_PENDING,
            postgresql_where=_PENDING,
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
    """Derived from what happened, so that telling it twice makes one row."""
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    namespace: Mapped[str]
    """The Temporal namespace whose workers deliver it: the batch's."""
    endpoint_id: Mapped[str]
    """A stored endpoint's id, or one derived from an inline endpoint's URL."""
    owner_id: Mapped[str]
    """The batch; for a test call the endpoint."""
    number: Mapped[int]
    """Which of the owner's `WebhookTarget` rows holds an inline endpoint."""
    event_type: Mapped[str]
    subject_id: Mapped[str]
    """The batch or job that the event is about."""
    data: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="pending")
    """``pending``, ``delivered``, ``given_up``, or ``dropped``: its endpoint was deleted."""
    announced: Mapped[bool] = mapped_column(default=False)
    """Whether the endpoint's workflow was told of it."""
    turn: Mapped[int] = mapped_column(default=ORDINARY)
    attempts: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    """Attempts since it was last asked for: what the pauses between them follow."""
    next_at: Mapped[datetime | None]
    """Not before; None means now. By the clock of Temporal's server."""
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
    """None when nobody answered."""
    duration_ms: Mapped[int]
    error: Mapped[str | None]
    """Why it does not count; never what the receiver said."""
