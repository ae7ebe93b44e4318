"""History of redriven batches, and leases of engine runs."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from docmill.records.tables.base import BigInt, Table, now


class PastAttempt(Table):
    """How an execution of a batch ended before a redrive."""

    __tablename__ = "past_attempts"

    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str]
    reason: Mapped[str | None]
    only: Mapped[str | None]
    """Failure class that the redrive selected; None for all unfinished items."""
    configuration_id: Mapped[str | None]
    parameters: Mapped[dict[str, Any]]
    parameters_hash: Mapped[str]
    engine: Mapped[str]
    tally: Mapped[dict[str, Any]]
    """Outcomes of all items of the batch at its end."""
    manifest_key: Mapped[str | None]
    manifest_sha256: Mapped[str | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class PastOutcome(Table):
    """The outcome of an item before a redrive."""

    __tablename__ = "past_outcomes"

    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    position: Mapped[int] = mapped_column(BigInt, primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str]
    failure_class: Mapped[str | None]
    failure_message: Mapped[str | None]
    failure_phase: Mapped[str | None]
    skip_reason: Mapped[str | None]
    engine: Mapped[str | None]
    engine_version: Mapped[str | None]
    attempts: Mapped[int]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class EngineLease(Table):
    """The item that is creating a result. Others with the same bytes and parameters wait for it."""

    __tablename__ = "engine_leases"

    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    cache_key: Mapped[str] = mapped_column(primary_key=True)
    batch_id: Mapped[str]
    position: Mapped[int] = mapped_column(BigInt)
    epoch: Mapped[int]
    attempt: Mapped[int]
    """The claim that holds it, with the epoch. A new claim of the item ends the lease."""
    taken_at: Mapped[datetime] = mapped_column(default=now)
