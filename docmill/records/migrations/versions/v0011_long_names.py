"""Indexes on prefixes of names, because an index entry of PostgreSQL cannot hold a long name."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the indexes on whole names."""
    op.drop_index("ix_files_project_id_external_file_id", "files")
    op.drop_index("ix_directory_files_directory_id_unique_id_sequence", "directory_files")
    op.create_index(
        "ix_files_external", "files", ["project_id", sa.text("substr(external_file_id, 1, 500)")]
    )
    op.create_index(
        "ix_directory_files_unique",
        "directory_files",
        ["directory_id", sa.text("substr(unique_id, 1, 500)"), "sequence"],
    )
