"""API keys, projects with limits, keys of signed URLs, rates of requests, and the audit log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from docmill.ids import DEFAULT_PROJECT_ID

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the tables; existing create requests belong to the default project."""
    for name, kind in (
        ("archived_at", TIME),
        ("deleted_at", TIME),
        ("requests_per_second", sa.Double()),
        ("burst", sa.Integer()),
        ("max_upload_bytes", NUMBER),
        ("max_open_batches", sa.Integer()),
        ("max_stored_bytes", NUMBER),
    ):
        op.add_column("projects", sa.Column(name, kind, nullable=True))
    op.add_column(
        "request_claims",
        sa.Column("project_id", sa.String, nullable=False, server_default=DEFAULT_PROJECT_ID),
    )
    op.create_table(
        "api_keys",
        *(sa.Column(name, sa.String, nullable=False) for name in ("id", "project_id")),
        *(sa.Column(name, sa.String, nullable=False) for name in ("name", "role")),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        *(
            sa.Column(name, TIME, nullable=True)
            for name in ("expires_at", "revoked_at", "last_used_at")
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"]),
    )
    op.create_index(None, "api_keys", ["project_id", "created_at", "id"])
    op.create_table(
        "authentication_mode",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("keys_since", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "link_keys",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "request_rates",
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("arrival", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("project_id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"]),
    )
    op.create_table(
        "audit_events",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("at", TIME, nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in ("project_id", "actor", "action")),
        sa.Column("objects", JSON, nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index(None, "audit_events", ["project_id", "number"])
    for statement in APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)


APPEND_ONLY = {
    "sqlite": [
        f"CREATE TRIGGER audit_events_no_{verb} BEFORE {verb} ON audit_events "
        "BEGIN SELECT RAISE(ABORT, 'audit_events is append-only'); END"
        for verb in ("update", "delete")
    ],
    "postgresql": [
        "CREATE FUNCTION docmill_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$",
        "CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION docmill_append_only()",
    ],
}
