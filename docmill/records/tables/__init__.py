"""All tables. A column has a comment where its name is not enough.

Importing any of them registers all of them with SQLAlchemy.
"""

from docmill.records.tables import access, api, attempts, base, batches, sources, webhooks

__all__ = ["access", "api", "attempts", "base", "batches", "sources", "webhooks"]
