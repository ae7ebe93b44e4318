"""Receipts of create requests, and the state of their sources at that time."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns that a retry reads of an earlier create request."""
    for name in ("answer_id", "source"):
        op.add_column("request_claims", sa.Column(name, sa.String, nullable=True))
    received = sa.Column("received_at", sa.DateTime(timezone=True), nullable=True)
    op.add_column("request_claims", received)
    op.create_index(None, "request_claims", ["answer_id"])
