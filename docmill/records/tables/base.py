"""Shared parts of all tables: base class, UTC datetimes, portable column types."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    DateTime,
    Dialect,
    Integer,
    MetaData,
    TextClause,
    and_,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime on every database. SQLite stores it without a time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Reject naive datetimes, which are always a bug."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime reached the database")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Restore the time zone."""
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


BigInt = BigInteger().with_variant(Integer, "sqlite")
"""64 bits on every database; SQLite's INTEGER has 64 bits."""

INDEXED_CHARACTERS = 500
"""Indexed prefix of a client's text of up to 3,000 characters. An index entry of PostgreSQL has at
most 2,704 bytes, and a character up to 4."""


def indexed_text(name: str) -> TextClause:
    """Return the index expression for a text column of any length; see `beginning` for queries."""
    return text(f"substr({name}, 1, {INDEXED_CHARACTERS})")


def beginning(column: InstrumentedAttribute[Any]) -> ColumnElement[str]:
    """Return the same expression for a query, over the column of a mapped class."""
    # Literals: an expression with bind variables does not match the index.
    return func.substr(column, literal_column("1"), literal_column(str(INDEXED_CHARACTERS)))


def equals(column: InstrumentedAttribute[Any], value: str) -> ColumnElement[bool]:
    """Compare a column with a value, using an index over `indexed_text` of it."""
    return and_(beginning(column) == value[:INDEXED_CHARACTERS], column == value)


Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""None is SQL NULL: it takes no space, and ``IS NULL`` finds it."""


class Table(DeclarativeBase):
    """Base class of all tables. Constraint names are fixed, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: Json, list[Any]: Json}  # noqa: RUF012 - SQLAlchemy's spelling


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)
