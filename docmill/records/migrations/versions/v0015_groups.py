"""The number of items per activity, and items that must run alone."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both columns; existing batches and items have no values."""
    op.add_column("batches", sa.Column("items_per_activity", sa.Integer, nullable=True))
    alone = sa.Column("alone", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("batch_items", alone)
