"""Remote engines: the engine of a batch, the usage of a result, the steps of an item."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Add the columns of remote engines; existing batches used the built-in engines."""
    op.add_column("batches", sa.Column("engine", sa.String, nullable=False, server_default="local"))
    op.execute("UPDATE batches SET engine = 'basic' WHERE job_type = 'classify'")
    op.add_column("results", sa.Column("usage", JSON, nullable=True))
    op.create_table(
        "item_steps",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("value", JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "name"),
    )
