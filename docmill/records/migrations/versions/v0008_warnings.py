"""Warnings of results and files, and their counts by batch."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Add the columns and the table of counts; existing results have no warnings here."""
    for table in ("results", "batch_items"):
        op.add_column(table, sa.Column("warnings", JSON, nullable=True))
    op.create_table(
        "batch_warning_counts",
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("shard", sa.Integer, nullable=False),
        *(sa.Column(name, BIG, nullable=False) for name in ("files", "first_position")),
        sa.PrimaryKeyConstraint("batch_id", "name", "shard"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"]),
    )
