"""State of the sweep that compares open batches with Temporal."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of sweeps."""
    op.create_table(
        "sweeps",
        sa.Column("namespace", sa.String, nullable=False),
        sa.Column("turn", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("cursor", sa.String, nullable=True),
        sa.PrimaryKeyConstraint("namespace"),
    )
