"""When a delivery that failed is tried again, and when no more."""

from datetime import timedelta

QUICK_SECONDS = (1, 2, 4)
"""Pauses after the first attempts, as LlamaCloud has them; it gives up then."""

_PAUSES = (
    *(timedelta(seconds=seconds) for seconds in QUICK_SECONDS),
    *(timedelta(minutes=minutes) for minutes in (1, 5, 30)),
    *(timedelta(hours=hours) for hours in (2, 6, 12, 24)),
)

LONGEST_REST = timedelta(minutes=15)
"""An endpoint at which nothing arrives is looked at this often, whatever its events wait for."""


def pause_after(tries: int) -> timedelta:
    """Return how long an event waits after its ``tries``-th attempt failed: 24 h at most."""
    return _PAUSES[min(tries, len(_PAUSES)) - 1]


def is_over(tries: int, keep_trying: timedelta) -> bool:
    """Whether an event is tried no more after ``tries`` attempts: the next would come too late.

    Pauses are added up rather than clocks compared: two hosts wrote them.
    """
    waited = sum((pause_after(number) for number in range(1, tries + 1)), timedelta())
    return waited > keep_trying


def rest_after(rounds: int) -> timedelta:
    """Return how long an endpoint rests after ``rounds`` rounds in a row at which it failed."""
    return min(pause_after(rounds), LONGEST_REST)
