"""From our errors to Temporal's: the one place that decides what is tried again."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TypeVar

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from docmill.errors import DocmillError, UnavailableError, bounded

Self = TypeVar("Self")
Argument = TypeVar("Argument")
Answer = TypeVar("Answer")

MAX_UNEXPECTED = 5
"""Attempts that an unexpected error gets before it fails the batch: then it is a bug of ours,
and waiting for ever would only hide it."""

log = structlog.get_logger(__name__)


def translated(
    method: Callable[[Self, Argument], Awaitable[Answer]],
) -> Callable[[Self, Argument], Awaitable[Answer]]:
    """Wrap an activity so that only `ApplicationError` leaves it.

    Database, store or network away: tried again for ever. A wrong request: final at once.
    Anything unexpected: final after `MAX_UNEXPECTED` attempts, with its traceback in the log
    and nowhere else.
    """

    @wraps(method)
    async def wrapper(self: Self, argument: Argument) -> Answer:
        try:
            return await method(self, argument)
        except ApplicationError:
            raise
        except UnavailableError as error:
            log.warning("activity.waiting", activity=method.__name__, reason=error.message)
            raise ApplicationError(error.message, type=type(error).__name__) from None
        except DocmillError as error:
            raise ApplicationError(
                " ".join(filter(None, (error.message, error.hint))),
                type=type(error).__name__,
                non_retryable=True,
                category=ApplicationErrorCategory.BENIGN,  # a wrong request is no worker's fault
            ) from None
        except Exception as error:
            log.exception("activity.unexpected", activity=method.__name__)
            raise ApplicationError(
                bounded(f"{type(error).__name__}: {error}"),
                type="Unexpected",
                non_retryable=activity.info().attempt >= MAX_UNEXPECTED,
            ) from None

    return wrapper
