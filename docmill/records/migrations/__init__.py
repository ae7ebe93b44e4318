"""Alembic's environment and the versions of the schema."""

HEAD = "0020"
"""The version that this program needs; a constant, so that a start without migration is quick."""
