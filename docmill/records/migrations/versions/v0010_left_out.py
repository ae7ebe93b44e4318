"""Files that a listing left out, and warnings that a batch treats as failures."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Add the columns; existing batches and directories have no values."""
    for table in ("directories", "batches"):
        op.add_column(table, sa.Column("left_out", JSON, nullable=True))
    op.add_column("batches", sa.Column("strict", JSON, nullable=True))
