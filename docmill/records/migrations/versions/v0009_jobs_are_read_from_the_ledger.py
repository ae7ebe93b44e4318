"""Jobs are read from their ledger rows: the table of jobs is dropped, after moving its columns.

The job of an item that ran and has no row in the table was deleted by a client. The ledger keeps
the item, with the time of this migration as the time of deletion, since the true one is unknown.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")

CREATED = """
UPDATE batch_items SET job_created_at =
  (SELECT jobs.created_at FROM jobs WHERE jobs.id = batch_items.job_id)
"""
# Earlier versions created a job with the first claim, or with the outcome.
DELETED = """
UPDATE batch_items
SET job_created_at = coalesce(started_at, finished_at, CURRENT_TIMESTAMP),
    job_deleted_at = CURRENT_TIMESTAMP
WHERE job_created_at IS NULL AND (attempts > 0 OR status IN ('skipped', 'failed'))
"""
DETAILS = """
INSERT INTO job_details (job_id, user_metadata)
SELECT id, user_metadata FROM jobs
WHERE user_metadata IS NOT NULL AND CAST(user_metadata AS TEXT) <> 'null'
"""
# Only a single job has its own configuration; a job of a batch uses that of its batch.
CONFIGURATIONS = """
UPDATE batches SET configuration_id =
  (SELECT jobs.configuration_id FROM jobs WHERE jobs.batch_id = batches.id)
WHERE api = 'job'
"""


def upgrade() -> None:
    """Add the columns of jobs to the ledger, copy their values, and drop the table."""
    op.add_column("batch_items", sa.Column("job_created_at", TIME))
    op.add_column("batch_items", sa.Column("job_deleted_at", TIME))
    op.create_table(
        "job_details",
        sa.Column("job_id", sa.String, nullable=False),
        sa.Column("user_metadata", JSON),
        sa.PrimaryKeyConstraint("job_id"),
    )
    for statement in (CREATED, DELETED, DETAILS, CONFIGURATIONS):
        op.execute(statement)
    op.drop_table("jobs")
    op.drop_index("ix_batch_items_job_id", "batch_items")
    op.create_index("ix_batch_items_job_id", "batch_items", ["job_id"], unique=True)
