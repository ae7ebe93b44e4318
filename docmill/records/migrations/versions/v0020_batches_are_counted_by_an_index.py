"""Lists of batches are counted by an index alone."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

FILTERS = ("", "directory_id", "status")
"""Columns that the indexes of lists have between project and time."""


def upgrade() -> None:
    """Add the API of a batch to the indexes of lists."""
    for name in FILTERS:
        columns = [column for column in ("project_id", name, "created_at", "id") if column]
        before = f"ix_batches_{'_'.join(columns)}"
        op.drop_index(before, "batches")
        op.create_index(f"{before}_api", "batches", [*columns, "api"])
