"""Which creates were received, and from what state of their sources they were made."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what a retry must know of an earlier create."""
    for name in ("answer_id", "source"):
        op.add_column("request_claims", sa.Column(name, sa.String, nullable=True))
    received = sa.Column("received_at", sa.DateTime(timezone=True), nullable=True)
    op.add_column("request_claims", received)
    op.create_index(None, "request_claims", ["answer_id"])
