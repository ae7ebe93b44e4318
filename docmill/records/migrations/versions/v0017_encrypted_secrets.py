"""Encryption of webhook endpoints, parameters of configurations, and keys of signed URLs.

The columns keep their types. A shared database without a key keeps its plain values until
`keys encrypt-records` is run with one.
"""

import sqlalchemy as sa
from alembic import op

from docmill.records.encryption import (
    EncryptedBytes,
    EncryptedJson,
    EncryptedText,
    cipher_of,
)

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TABLES = (
    sa.table(
        "webhook_configurations",
        sa.column("id", sa.String),
        sa.column("webhook_url", EncryptedText),
        sa.column("webhook_headers", EncryptedJson),
        sa.column("signing_secret", EncryptedText),
    ),
    sa.table(
        "webhook_targets",
        sa.column("owner_id", sa.String),
        sa.column("number", sa.Integer),
        sa.column("endpoint", EncryptedJson),
    ),
    sa.table("configurations", sa.column("id", sa.String), sa.column("parameters", EncryptedJson)),
    sa.table(
        "configuration_versions",
        sa.column("configuration_id", sa.String),
        sa.column("version", sa.String),
        sa.column("parameters", EncryptedJson),
    ),
    sa.table("link_keys", sa.column("id", sa.String), sa.column("secret", EncryptedBytes)),
)
ENCRYPTED = (EncryptedBytes, EncryptedJson, EncryptedText)


def upgrade() -> None:
    """Encrypt the existing secrets."""
    bind = op.get_bind()
    if not cipher_of(bind.dialect).usable:
        return
    sqlite = bind.dialect.name == "sqlite"
    if sqlite:  # overwrite the plain text in the file
        before = bind.exec_driver_sql("PRAGMA secure_delete").scalar()
        bind.exec_driver_sql("PRAGMA secure_delete=ON")
    for table in TABLES:
        secrets = [column for column in table.c if isinstance(column.type, ENCRYPTED)]
        keys = [column for column in table.c if column not in secrets]
        change = (
            sa.update(table)
            .where(*(column == sa.bindparam(f"key_{column.name}") for column in keys))
            .values({column.name: sa.bindparam(f"new_{column.name}") for column in secrets})
        )
        rows = [
            {f"key_{column.name}": row[column.name] for column in keys}
            | {f"new_{column.name}": row[column.name] for column in secrets}
            for row in bind.execute(sa.select(table)).mappings()
        ]
        if rows:
            bind.execute(change, rows)
    if sqlite:
        bind.exec_driver_sql(f"PRAGMA secure_delete={before}")
