"""Redrives, failure thresholds, admission, and a single engine run for the same bytes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add columns of batches, and the tables of earlier executions and of leases."""
    for column in (
        sa.Column("out", sa.String),
        sa.Column("redrive_only", sa.String),
        sa.Column("redriven_by", sa.String),
        sa.Column("settled_before", BIG, nullable=False, server_default="0"),
        sa.Column("queued_at", TIME),
        sa.Column("max_failures", sa.Integer),
        sa.Column("max_failure_rate", sa.Double),
        sa.Column("drain", sa.Boolean, nullable=False, server_default=sa.false()),
    ):
        op.add_column("batches", column)
    op.execute("UPDATE batches SET queued_at = created_at")
    _create_history()
    op.create_table(
        "engine_leases",
        sa.Column("project_id", sa.String, nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in ("cache_key", "batch_id")),
        sa.Column("position", BIG, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("epoch", "attempt")),
        sa.Column("taken_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "cache_key"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"]),
    )


def _create_history() -> None:
    op.create_table(
        "past_attempts",
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        *(sa.Column(name, sa.String) for name in ("reason", "only", "configuration_id")),
        sa.Column("parameters", JSON, nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in ("parameters_hash", "engine")),
        sa.Column("tally", JSON, nullable=False),
        *(sa.Column(name, sa.String) for name in ("manifest_key", "manifest_sha256")),
        *(sa.Column(name, TIME) for name in ("started_at", "ended_at")),
        sa.PrimaryKeyConstraint("batch_id", "epoch"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"]),
    )
    op.create_table(
        "past_outcomes",
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        *(
            sa.Column(name, sa.String)
            for name in (
                "failure_class",
                "failure_message",
                "failure_phase",
                "skip_reason",
                "engine",
                "engine_version",
            )
        ),
        sa.Column("attempts", sa.Integer, nullable=False),
        *(sa.Column(name, TIME) for name in ("started_at", "finished_at")),
        sa.PrimaryKeyConstraint("batch_id", "position", "epoch"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"]),
    )
