"""Runs migrations on the connection from `docmill.records.schema_version`."""

from alembic import context

from docmill.records.tables.base import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_as_batch=True,  # SQLite cannot alter most things in place
    transactional_ddl=True,  # the caller's transaction holds the whole migration
)
context.run_migrations()
