"""An index of items whose job has no result, for lists of such jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

WITHOUT_RESULT = sa.text(
    "job_created_at IS NOT NULL AND result_id IS NULL"
    " AND status IN ('pending', 'cancelled', 'skipped')"
)


def upgrade() -> None:
    """Add the index; an item that runs and completes is never in it."""
    op.create_index(
        "ix_batch_items_jobs_without_result",
        "batch_items",
        ["batch_id", "status", "position"],
        sqlite_where=WITHOUT_RESULT,
        postgresql_where=WITHOUT_RESULT,
    )
