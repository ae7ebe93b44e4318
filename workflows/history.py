"""Reasons for a workflow run to continue as new: a full history, a newer version of the workers."""

from temporalio import workflow

MAX_EVENTS = 4_000
"""See docs/decisions/0019-a-run-has-up-to-4000-events.md. The server suggests a new run at 4,096
events, and warns at 10,240."""

MAX_BYTES = 1_500_000
"""Keeps the history of one run under 2 MB."""

EVENTS_PER_ITEM = 6
"""Maximum: three events of the activity (scheduled, started, ended) and a workflow task."""

RESERVED_EVENTS = 100
"""Reserve for pages, signals and the close."""


def is_full(in_flight: int) -> bool:
    """Return whether this run must not start another item while ``in_flight`` items run."""
    info = workflow.info()
    ahead = EVENTS_PER_ITEM * (in_flight + 1) + RESERVED_EVENTS
    return (
        info.is_continue_as_new_suggested()
        or info.get_current_history_length() + ahead > MAX_EVENTS
        or info.get_current_history_size() > MAX_BYTES
    )


def is_superseded() -> bool:
    """Return whether new workflows get another version of the workers than this run.

    The next run starts on that version. Without worker versioning it is never true.
    """
    return workflow.info().is_target_worker_deployment_version_changed()
