"""Translation of Docmill's errors to Temporal's. It decides which activities are retried."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TypeVar

import structlog
from structlog.contextvars import bind_contextvars
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from docmill.errors import DocmillError, UnavailableError, bounded

Self = TypeVar("Self")
Argument = TypeVar("Argument")
Answer = TypeVar("Answer")

MAX_UNEXPECTED = 5
"""Tries of an activity with an unexpected error before the batch fails. Such an error is a bug,
which endless retries would hide."""

log = structlog.get_logger(__name__)


def translated(
    method: Callable[[Self, Argument], Awaitable[Answer]],
) -> Callable[[Self, Argument], Awaitable[Answer]]:
    """Wrap an activity so that it raises only `ApplicationError`, and its log lines name it.

    An unavailable database, store or network is retried without limit. An invalid request is final
    at once. An unexpected error is final after `MAX_UNEXPECTED` tries; its traceback goes only to
    the log.
    """

    @wraps(method)
    async def wrapper(self: Self, argument: Argument) -> Answer:
        info = activity.info()
        # Each activity runs in a task of its own, so these fields end with it.
        bind_contextvars(activity=info.activity_type, activity_attempt=info.attempt)
        if batch_id := getattr(argument, "batch_id", None):
            bind_contextvars(batch_id=batch_id)
        try:
            return await method(self, argument)
        except ApplicationError:
            raise
        except UnavailableError as error:
            log.warning("activity.waiting", reason=error.message)
            raise ApplicationError(error.message, type=type(error).__name__) from None
        except DocmillError as error:
            raise ApplicationError(
                " ".join(filter(None, (error.message, error.hint))),
                type=type(error).__name__,
                non_retryable=True,
                category=ApplicationErrorCategory.BENIGN,  # not an error of the worker
            ) from None
        except Exception as error:
            log.exception("activity.unexpected")
            raise ApplicationError(
                bounded(f"{type(error).__name__}: {error}"),
                type="Unexpected",
                non_retryable=activity.info().attempt >= MAX_UNEXPECTED,
            ) from None

    return wrapper
