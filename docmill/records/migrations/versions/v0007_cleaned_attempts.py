"""Which attempts at an item may have left objects that no result names."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the number up to which nothing is left."""
    op.add_column(
        "batch_items",
        sa.Column("cleaned_attempts", sa.Integer, nullable=False, server_default="0"),
    )
    # What older versions left lies elsewhere, and they removed it when a batch ended. So only
    # items that may be at work now are looked at.
    op.execute(
        "UPDATE batch_items SET cleaned_attempts = attempts"
        " WHERE status NOT IN ('pending', 'processing')"
        " AND batch_id IN (SELECT id FROM batches"
        " WHERE status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED'))"
    )
