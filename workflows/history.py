"""How much history one run may write before it continues as new."""

from temporalio import workflow

MAX_EVENTS = 4_000
"""One run stays under it: docs/decisions/0019-a-run-has-up-to-4000-events.md. The server suggests
a new run at 4,096 events, and warns at 10,240."""

MAX_BYTES = 1_500_000
"""One run stays under 2 MB."""

EVENTS_PER_ITEM = 6
"""At worst: three of the activity (scheduled, started, ended) and a workflow task of its own."""

RESERVED_EVENTS = 100
"""Room for pages, signals and the close."""


def is_full(in_flight: int) -> bool:
    """Whether this run must not start another item while ``in_flight`` are under way."""
    info = workflow.info()
    ahead = EVENTS_PER_ITEM * (in_flight + 1) + RESERVED_EVENTS
    return (
        info.is_continue_as_new_suggested()
        or info.get_current_history_length() + ahead > MAX_EVENTS
        or info.get_current_history_size() > MAX_BYTES
    )
