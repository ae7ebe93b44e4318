"""Entries whose bytes a worker fetches from a URL."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the URL of an entry, and the proxy of its download."""
    for name in ("source_url", "http_proxy"):
        op.add_column("directory_files", sa.Column(name, sa.String, nullable=True))
