"""All tables. The comment of a column says what the name does not.

Importing any of them registers all of them with SQLAlchemy.
"""

from docmill.records.tables import api, attempts, base, batches, sources, webhooks

__all__ = ["api", "attempts", "base", "batches", "sources", "webhooks"]
