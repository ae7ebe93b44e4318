"""Sweeps that one of many workers does at a time."""

from sqlalchemy.orm import Mapped, mapped_column

from docmill.records.tables.base import BigInt, Table


class Sweep(Table):
    """The latest comparison of a namespace's open batches with Temporal."""

    __tablename__ = "sweeps"

    namespace: Mapped[str] = mapped_column(primary_key=True)
    turn: Mapped[int] = mapped_column(BigInt)
    """Raised by whoever sweeps next: of several that raise the same number, one does."""
    cursor: Mapped[str | None]
    """Where the next one goes on, when there were more open batches than one looks at."""
