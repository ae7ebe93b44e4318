"""What became of the exports of batches of the HTTP API."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("batches", sa.Column("exported_at", sa.DateTime(timezone=True)))
    op.add_column("batches", sa.Column("export_error", sa.String))
