"""The outbox of webhooks, its log of deliveries, endpoints of a batch, times of purges."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    """Add the outbox and its log, and the records of retention."""
    for name in ("used_at", "purged_at"):
        op.add_column("results", sa.Column(name, TIME, nullable=True))
    op.add_column("batches", sa.Column("webhooks", JSON, nullable=True))
    op.add_column("webhook_targets", sa.Column("events", JSON, nullable=True))
    place = ["id", "project_id", "namespace", "endpoint_id", "owner_id"]
    what = ["event_type", "subject_id", "state"]
    op.create_table(
        "webhook_outbox",
        *(sa.Column(name, sa.String, nullable=False) for name in (*place, *what)),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("number", "turn")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("attempts", "tries")),
        sa.Column("announced", sa.Boolean, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        *(sa.Column(name, TIME, nullable=True) for name in ("next_at", "ended_at")),
        sa.Column("data", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"]),
    )
    op.create_index(
        None,
        "webhook_outbox",
        ["endpoint_id", "turn", "created_at", "id"],
        sqlite_where=PENDING,
        postgresql_where=PENDING,
    )
    op.create_index(
        "ix_webhook_outbox_unannounced",
        "webhook_outbox",
        ["created_at", "id"],
        sqlite_where=sa.text("announced IS 0"),
        postgresql_where=sa.text("announced IS FALSE"),
    )
    op.create_index(None, "webhook_outbox", ["project_id", "created_at", "id"])
    op.create_index(None, "webhook_outbox", ["owner_id", "created_at", "id"])
    op.create_table(
        "webhook_attempts",
        sa.Column("event_id", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("status_code", sa.Integer, nullable=True),
        sa.Column("duration_ms", sa.Integer, nullable=False),
        sa.Column("error", sa.String, nullable=True),
        sa.PrimaryKeyConstraint("event_id", "number"),
        sa.ForeignKeyConstraint(["event_id"], ["webhook_outbox.id"], ondelete="CASCADE"),
    )
