"""A job is a reading of its ledger row: the table of jobs goes, what only it knew moves.

An item that ran and has no row among the jobs is one whose job a client deleted: the ledger keeps
the item, and notes the time of this migration, since nothing knows the true one.
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
# Versions before this one made a job with the first claim, or with the outcome.
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
# A single job named its configuration itself; a job of a batch has always read its batch's.
CONFIGURATIONS = """
UPDATE batches SET configuration_id =
  (SELECT jobs.configuration_id FROM jobs WHERE jobs.batch_id = batches.id)
WHERE api = 'job'
"""


def upgrade() -> None:
    """Add what the ledger must know of jobs, move it there, and drop the table."""
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
