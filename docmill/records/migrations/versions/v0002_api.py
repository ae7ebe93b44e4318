"""Tables of the HTTP API: ids of create requests, webhook endpoints and their targets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Create the tables of the API."""
    op.create_table(
        "request_claims",
        *(sa.Column(name, sa.String, nullable=False) for name in ("key", "fields_hash")),
        *(sa.Column(name, sa.String, nullable=False) for name in ("object_id", "repeat")),
        sa.Column("claimed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(None, "request_claims", ["claimed_at"])
    op.create_table(
        "webhook_configurations",
        *(sa.Column(name, sa.String, nullable=False) for name in ("id", "project_id")),
        sa.Column("webhook_url", sa.String, nullable=False),
        sa.Column("webhook_events", JSON, nullable=True),
        sa.Column("webhook_headers", JSON, nullable=True),
        sa.Column("webhook_output_format", sa.String, nullable=True),
        sa.Column("signing_secret", sa.String, nullable=True),
        *(sa.Column(name, TIME, nullable=False) for name in ("created_at", "updated_at")),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"]),
    )
    op.create_index(None, "webhook_configurations", ["project_id", "created_at", "id"])
    op.create_table(
        "webhook_targets",
        sa.Column("owner_id", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("configuration_id", sa.String, nullable=True),
        sa.Column("endpoint", JSON, nullable=True),
        sa.PrimaryKeyConstraint("owner_id", "number"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"]),
    )
