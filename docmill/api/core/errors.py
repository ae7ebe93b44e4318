"""HTTP responses for errors, without stack traces and local paths."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from docmill.api.core.wire import Problem, ValidationProblem
from docmill.errors import (
    ConflictError,
    DocmillError,
    ForbiddenError,
    LimitError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
    UsageError,
    bounded,
)

log = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = 2
"""The official SDKs honour values above 0 and up to 60 s."""
SHORTEST_RETRY_SECONDS = 0.001
LONGEST_RETRY_SECONDS = 60.0

Responses = dict[int | str, dict[str, Any]]

ERROR_RESPONSES: Responses = {
    400: {"model": Problem, "description": "The request cannot be read."},
    401: {"model": Problem, "description": "An API key is needed, or this one is not valid."},
    403: {
        "model": Problem,
        "description": "The key's role does not allow this; without keys: Host or Origin is not "
        "allowed.",
    },
    404: {"model": Problem, "description": "No such object in this project."},
    409: {"model": Problem, "description": "The object's state does not allow this."},
    413: {"model": Problem, "description": "The request is too large."},
    422: {"model": ValidationProblem, "description": "A field is wrong."},
    429: {"model": Problem, "description": "A limit of the project is reached."},
    503: {
        "model": Problem,
        "description": "The database or the object store is unavailable; try again.",
    },
}


class FieldError(UsageError):
    """A field of the request is invalid, which only the handler can detect.

    Attributes:
        loc: location of the field, as in FastAPI's own validation errors.
    """

    def __init__(self, message: str, *loc: str | int, hint: str = "") -> None:
        super().__init__(message, hint)
        self.loc = loc


class TooLargeError(DocmillError):
    """The request body exceeds its limit."""


_ANSWERS: dict[type[DocmillError], tuple[int, dict[str, str]]] = {
    NotFoundError: (404, {}),
    # Without this header the official clients retry a 409 five times.
    ConflictError: (409, {"x-should-retry": "false"}),
    TooLargeError: (413, {}),
    UnauthenticatedError: (401, {"WWW-Authenticate": "Bearer"}),
    ForbiddenError: (403, {}),
}


def problem(
    status: int,
    detail: str,
    hint: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an error response in the general shape."""
    body: dict[str, Any] = {"detail": detail}
    if hint:
        body["hint"] = hint
    return JSONResponse(body, status, headers)


def _field_problem(message: str, loc: Sequence[str | int], hint: str | None = None) -> JSONResponse:
    body: dict[str, Any] = {"detail": [{"loc": list(loc), "msg": message, "type": "value_error"}]}
    if hint:
        body["hint"] = hint
    return JSONResponse(body, 422)


async def on_docmill_error(request: Request, error: Exception) -> JSONResponse:
    """Return the response of a `DocmillError`."""
    assert isinstance(error, DocmillError)
    if isinstance(error, UsageError):
        loc = error.loc if isinstance(error, FieldError) else ()
        return _field_problem(error.message, loc or ("body",), error.hint)
    for kind, (status, headers) in _ANSWERS.items():
        if isinstance(error, kind):
            return problem(status, error.message, error.hint, headers)
    if isinstance(error, LimitError):
        return _limited(error)
    if isinstance(error, UnavailableError):
        return _unavailable(request, error)
    return await _on_unexpected(request, error)


def _limited(error: LimitError) -> JSONResponse:
    """Return 429 with the time to wait, or with the advice not to retry."""
    headers = {"x-should-retry": "false"}
    if error.retry_after is not None:
        wait = min(max(error.retry_after, SHORTEST_RETRY_SECONDS), LONGEST_RETRY_SECONDS)
        headers = {
            "Retry-After": str(math.ceil(wait)),
            "Retry-After-Ms": str(math.ceil(wait * 1000)),
        }
    return problem(429, error.message, error.hint, headers)


def _unavailable(request: Request, error: UnavailableError) -> JSONResponse:
    """Return 503. The reason, which may name hosts, goes to the log only."""
    log.warning("api.unavailable", route=request.url.path, reason=error.message)
    return problem(
        503,
        "The database, the object store or Temporal is unavailable.",
        "Try again a little later; GET /readyz names the unavailable service.",
        {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


async def _on_validation_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # The values are omitted: they may be secrets, very large, or not JSON.
    details = [
        {"loc": list(one["loc"]), "msg": bounded(one["msg"]), "type": one["type"]}
        for one in error.errors()
    ]
    return JSONResponse({"detail": details}, 422)


async def _on_http_exception(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail), headers=error.headers)


async def _on_disconnect(request: Request, _: Exception) -> JSONResponse:
    log.info("api.client_disconnected", method=request.method, route=request.url.path)
    return problem(400, "The client disconnected before its request was complete.")


async def _on_unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("api.unexpected", method=request.method, route=request.url.path, exc_info=error)
    return problem(
        500, "Docmill itself failed on this request.", "This is a bug: see the server's log."
    )


def add_error_handlers(app: FastAPI) -> None:
    """Register the error handlers on ``app``."""
    app.add_exception_handler(DocmillError, on_docmill_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_unexpected)
