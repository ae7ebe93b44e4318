"""Attempts at an item that may have left objects without a result."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the number of attempts whose objects were removed."""
    op.add_column(
        "batch_items",
        sa.Column("cleaned_attempts", sa.Integer, nullable=False, server_default="0"),
    )
    # Older versions wrote such objects elsewhere, and removed them at the end of a batch. Therefore
    # only items that may be running now are checked.
    op.execute(
        "UPDATE batch_items SET cleaned_attempts = attempts"
        " WHERE status NOT IN ('pending', 'processing')"
        " AND batch_id IN (SELECT id FROM batches"
        " WHERE status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED'))"
    )
