"""Interpretation of activity errors, and the failure thresholds of a batch."""

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from docmill.contracts.batches import OpenedBatch
from docmill.contracts.names import FAILURE_SAMPLE
from docmill.contracts.words import Tally

with workflow.unsafe.imports_passed_through():
    # Plain data.
    from docmill.errors import FailureClass, bounded


def describe(error: BaseException) -> tuple[str, str]:
    """Return the bounded message and the type of the innermost cause.

    ``str(ActivityError)`` is a constant; its cause has the message.
    """
    while isinstance(error, FailureError) and error.cause is not None:
        error = error.cause
    if isinstance(error, ApplicationError):
        return bounded(error.message), error.type or "ApplicationError"
    return bounded(str(error)) or type(error).__name__, type(error).__name__


def recorded_class(error: ActivityError) -> FailureClass | None:
    """Return the failure class if ``process_item`` recorded this failure in the ledger.

    None means that Temporal gave up on the item, so that the workflow has to record it.
    """
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type in set(FailureClass):
        return FailureClass(cause.type)
    return None


def is_retryable(error: ActivityError) -> bool:
    """Return whether the activity error was retryable."""
    return isinstance(error.cause, ApplicationError) and not error.cause.non_retryable


def exceeded_threshold(opened: OpenedBatch, tally: Tally) -> str | None:
    """Return a description of the failure threshold that this execution exceeded, or None.

    Outcomes of earlier executions do not count, nor do skipped items, which did not run.
    """
    failed = tally.failed - opened.settled.failed
    ran = failed + tally.completed - opened.settled.completed
    if opened.max_failures is not None and failed > opened.max_failures:
        return f"more than {opened.max_failures:,} files failed"
    rate = opened.max_failure_rate
    if rate is not None and ran >= FAILURE_SAMPLE and failed > rate * ran:
        return f"{failed:,} of the {ran:,} files that ran failed, more than {rate:.4g} of them"
    return None
