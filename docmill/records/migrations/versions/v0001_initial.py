"""The first schema."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Kind = TypeEngine[Any] | type[TypeEngine[Any]]

TIME = sa.DateTime(timezone=True)
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Create every table, parents first."""
    _projects()
    _configurations()
    _directories()
    _files()
    _jobs()
    _results()
    _batches()
    _configuration_versions()
    _directory_files()
    _scan_marks()
    _batch_counts()
    _batch_items()
    _batch_listings()


def _must(kind: Kind, names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names.split()]


def _may(kind: Kind, names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=True) for name in names.split()]


def _projects() -> None:
    op.create_table(
        "projects",
        *_must(sa.String, "id name organization_id"),
        *_must(sa.Boolean, "is_default"),
        *_must(TIME, "created_at updated_at"),
        sa.PrimaryKeyConstraint("id"),
    )


def _configurations() -> None:
    op.create_table(
        "configurations",
        *_must(sa.String, "id project_id name product_type version"),
        *_must(JSON, "parameters"),
        *_must(TIME, "created_at updated_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"]),
        sa.UniqueConstraint("project_id", "product_type", "name"),
    )
    op.create_index(None, "configurations", ["project_id", "created_at", "id"])


def _directories() -> None:
    op.create_table(
        "directories",
        *_must(sa.String, "id project_id name type"),
        *_must(BIG, "sequence watermark live_count"),
        *_must(TIME, "created_at updated_at"),
        *_may(sa.String, "description connector_subscription_id source_key scan_id"),
        *_may(JSON, "system_metadata source"),
        *_may(TIME, "expires_at deleted_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"]),
        sa.UniqueConstraint("project_id", "source_key"),
    )
    op.create_index(None, "directories", ["project_id", "created_at", "id"])


def _files() -> None:
    op.create_table(
        "files",
        *_must(sa.String, "id project_id name sha256 object_key"),
        *_must(BIG, "size"),
        *_must(TIME, "created_at"),
        *_may(sa.String, "content_type external_file_id purpose"),
        *_may(TIME, "expires_at deleted_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"]),
    )
    op.create_index(None, "files", ["project_id", "created_at", "id"])
    op.create_index(None, "files", ["project_id", "external_file_id"])
    op.create_index(None, "files", ["project_id", "sha256"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        *_must(sa.String, "id project_id job_type name status"),
        *_must(TIME, "created_at updated_at"),
        *_may(
            sa.String,
            "batch_id item_id file_id configuration_id result_id failure_class error_message",
        ),
        *_may(JSON, "parameters user_metadata"),
        *_may(TIME, "started_at ended_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"]),
    )
    op.create_index(None, "jobs", ["batch_id"], postgresql_where=sa.text("batch_id IS NOT NULL"))
    op.create_index(None, "jobs", ["project_id", "job_type", "created_at", "id"])


def _results() -> None:
    op.create_table(
        "results",
        *_must(
            sa.String,
            "id project_id cache_key job_type object_prefix result_sha256"
            " engine engine_version media_type",
        ),
        *_must(BIG, "size"),
        *_must(sa.Boolean, "partial"),
        *_must(sa.Integer, "pages_total pages_ok pages_failed"),
        *_must(TIME, "created_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"]),
        sa.UniqueConstraint("project_id", "cache_key"),
    )


def _batches() -> None:
    op.create_table(
        "batches",
        *_must(sa.String, "id project_id api job_type parameters_hash status namespace"),
        *_must(BIG, "total"),
        *_must(JSON, "config parameters"),
        *_must(sa.Integer, "page_size continue_as_new_threshold concurrency epoch identity_number"),
        *_must(sa.Boolean, "paused cancel_requested"),
        *_must(TIME, "created_at updated_at"),
        *_may(
            sa.String,
            "name directory_id configuration_id reason identity manifest_key manifest_sha256",
        ),
        *_may(BIG, "watermark"),
        *_may(TIME, "started_at ended_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["directory_id"], ["directories.id"]),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"]),
        sa.UniqueConstraint("project_id", "identity", "identity_number"),
    )
    op.create_index(None, "batches", ["project_id", "created_at", "id"])
    op.create_index(None, "batches", ["project_id", "directory_id", "created_at", "id"])
    op.create_index(None, "batches", ["project_id", "status", "created_at", "id"])
    op.create_index(None, "batches", ["status", "created_at", "id"])


def _configuration_versions() -> None:
    op.create_table(
        "configuration_versions",
        *_must(sa.String, "configuration_id version name"),
        *_must(JSON, "parameters"),
        *_must(TIME, "created_at"),
        sa.PrimaryKeyConstraint("configuration_id", "version"),
        sa.ForeignKeyConstraint(["configuration_id"], ["configurations.id"], ondelete="CASCADE"),
    )


def _directory_files() -> None:
    op.create_table(
        "directory_files",
        *_must(sa.String, "directory_id id project_id unique_id display_name"),
        *_must(BIG, "sequence size"),
        *_must(JSON, "file_metadata"),
        *_must(TIME, "created_at updated_at"),
        *_may(BIG, "removed_sequence"),
        *_may(sa.String, "file_id signature sha256"),
        *_may(sa.LargeBinary, "source_path"),
        *_may(TIME, "deleted_at"),
        sa.PrimaryKeyConstraint("directory_id", "sequence"),
        sa.ForeignKeyConstraint(["directory_id"], ["directories.id"]),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"]),
    )
    op.create_index(None, "directory_files", ["directory_id", "created_at", "id"])
    op.create_index(None, "directory_files", ["directory_id", "unique_id", "sequence"])
    op.create_index(None, "directory_files", ["id", "sequence"])


def _scan_marks() -> None:
    op.create_table(
        "scan_marks",
        *_must(sa.String, "directory_id"),
        *_must(BIG, "block"),
        *_must(sa.LargeBinary, "bits"),
        sa.PrimaryKeyConstraint("directory_id", "block"),
        sa.ForeignKeyConstraint(["directory_id"], ["directories.id"]),
    )


def _batch_counts() -> None:
    op.create_table(
        "batch_counts",
        *_must(sa.String, "batch_id"),
        *_must(sa.Integer, "shard"),
        *_must(BIG, "completed failed skipped cancelled"),
        sa.PrimaryKeyConstraint("batch_id", "shard"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"]),
    )


def _batch_items() -> None:
    op.create_table(
        "batch_items",
        *_must(sa.String, "batch_id item_id directory_id job_id status path"),
        *_must(BIG, "position sequence size"),
        *_must(sa.Integer, "epoch attempts engine_failures worker_losses"),
        *_must(sa.Boolean, "partial"),
        *_may(
            sa.String,
            "sha256 failure_class failure_message failure_phase skip_reason"
            " engine engine_version result_id claimed_by",
        ),
        *_may(sa.Integer, "pages_total pages_ok pages_failed"),
        *_may(TIME, "started_at finished_at"),
        sa.PrimaryKeyConstraint("batch_id", "position"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"]),
    )
    op.create_index(None, "batch_items", ["batch_id", "status", "position"])
    op.create_index(None, "batch_items", ["item_id"])
    op.create_index(None, "batch_items", ["job_id"])


def _batch_listings() -> None:
    op.create_table(
        "batch_listings",
        *_must(sa.String, "batch_id directory_id"),
        *_must(BIG, "position sequence"),
        sa.PrimaryKeyConstraint("batch_id", "position"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"]),
    )
