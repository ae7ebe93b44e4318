"""Outcomes of a transaction, reported to the process after its commit, for metrics."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

SETTLED = "settled"
"""Key of a session's ``info``: its outcomes, or None if nobody wants them."""


@dataclass(frozen=True, slots=True)
class SettledItem:
    """Items of a project that got the same outcome.

    Attributes:
        engine: the engine that ran; None if none did.
        items: their number.
    """

    project_id: str
    outcome: str
    engine: str | None = None
    failure_class: str | None = None
    pages_ok: int = 0
    pages_failed: int = 0
    items: int = 1


OnSettled = Callable[[Sequence[SettledItem]], None]


def note_outcomes(session: AsyncSession, settled: Iterable[SettledItem]) -> None:
    """Add outcomes to those that are reported when the session commits."""
    noted: list[SettledItem] | None = session.info.get(SETTLED)
    if noted is not None:
        noted.extend(settled)
