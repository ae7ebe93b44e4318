"""The errors of Docmill, and the failure classes of items.

::

    DocmillError              a sentence, and a hint what to do
    ├── UsageError            the request is invalid               (exit 2, HTTP 422)
    ├── NotFoundError         no such object in this project       (exit 2, HTTP 404)
    ├── ConflictError         the object is in the wrong state     (exit 2, HTTP 409)
    ├── UnauthenticatedError  no API key that is valid             (exit 2, HTTP 401)
    ├── ForbiddenError        the key's role does not allow it     (exit 2, HTTP 403)
    ├── LimitError            a limit of the project is reached    (exit 2, HTTP 429)
    ├── UnavailableError      database, store or Temporal is down  (exit 3, HTTP 503)
    │   ├── DatabaseAwayError the records database is
    │   └── PayloadKeyError   a key of Temporal's payloads is missing
    └── ItemFailure           one file failed, with its class      (never fails a batch)

The classes of `FailureClass` are a closed set: each has a retry rule and advice in `GUIDES`.
"""

from dataclasses import dataclass
from enum import StrEnum

MAX_MESSAGE = 500
"""Maximum characters of an error message, which is stored in the ledger and in history."""


def bounded(text: str) -> str:
    """Return ``text`` as one line of at most `MAX_MESSAGE` printable characters."""
    line = " ".join(text.split())
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return clean if len(clean) <= MAX_MESSAGE else clean[: MAX_MESSAGE - 1] + "…"


class DocmillError(Exception):
    """Base of all errors of Docmill: one sentence, and a hint that says what to do next."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(bounded(message))
        self.message = bounded(message)
        self.hint = hint


class UsageError(DocmillError):
    """The request is invalid."""


class NotFoundError(DocmillError):
    """No object with this id exists in this project."""


class ConflictError(DocmillError):
    """The object exists, but its state does not allow the request."""


class UnauthenticatedError(DocmillError):
    """The request has no API key, or one that is not valid."""


class ForbiddenError(DocmillError):
    """The key is valid, but its role or its project's state does not allow the request."""


class LimitError(DocmillError):
    """A limit of the project is reached.

    Attributes:
        retry_after: seconds after which the request may pass; None when waiting does not help.
    """

    def __init__(self, message: str, hint: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class UnavailableError(DocmillError):
    """The database, the object store, Temporal or a remote engine is unavailable; try again.

    Attributes:
        pause: seconds to wait before a retry, if the service requested it.
    """

    def __init__(self, message: str, hint: str = "", *, pause: float | None = None) -> None:
        super().__init__(message, hint)
        self.pause = pause


class DatabaseAwayError(UnavailableError):
    """The records database is unavailable, for example because it is restarting."""


class PayloadKeyError(UnavailableError):
    """A payload in Temporal was encrypted with a key that this process does not have."""


class FailureClass(StrEnum):
    """The class of an item's failure. A closed set; the strings are in ledgers and manifests."""

    UNSUPPORTED_TYPE = "unsupported_type"
    ENCRYPTED = "encrypted"
    CORRUPT = "corrupt"
    EMPTY = "empty"
    PAGES_FAILED = "pages_failed"
    INCOMPLETE = "incomplete"
    TOO_MANY_PAGES = "too_many_pages"
    LIMIT_EXCEEDED = "limit_exceeded"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    ENGINE_ERROR = "engine_error"
    ENGINE_REFUSED = "engine_refused"
    ENGINE_DENIED = "engine_denied"
    ANSWER_INVALID = "answer_invalid"
    STORAGE_ERROR = "storage_error"
    SOURCE_VANISHED = "source_vanished"
    SOURCE_CHANGED = "source_changed"
    SOURCE_UNREACHABLE = "source_unreachable"
    WORKER_LOST = "worker_lost"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


class Retry(StrEnum):
    """Whether a failure is retried, and from which budget."""

    NEVER = "never"
    ENGINE = "engine"
    """Up to `ENGINE_ATTEMPTS` runs of the engine on this item."""
    WORKER = "worker"
    """Up to `WORKER_LOSSES` lost workers on this item."""
    INFRASTRUCTURE = "infrastructure"
    """Unlimited, with backoff, until the service is available again."""


ENGINE_ATTEMPTS = 3
"""Engine runs of one item before a transient failure of the engine is final."""

WORKER_LOSSES = 3
"""Workers lost while they held an item before it becomes `worker_lost`."""


@dataclass(frozen=True, slots=True)
class FailureGuide:
    """Explanation of a failure class.

    Attributes:
        retry: whether the item is retried, and from which budget.
        meaning: one sentence.
        advice: what the user can do.
    """

    retry: Retry
    meaning: str
    advice: str


_G = FailureGuide

GUIDES: dict[FailureClass, FailureGuide] = {
    FailureClass.UNSUPPORTED_TYPE: _G(
        Retry.NEVER,
        "No engine reads this kind of file.",
        "Convert it to PDF, an Office format, HTML or text, or exclude it with --exclude.",
    ),
    FailureClass.ENCRYPTED: _G(
        Retry.NEVER,
        "The file is protected by a password.",
        "Save it without the password and run the same command again.",
    ),
    FailureClass.CORRUPT: _G(
        Retry.NEVER,
        "The file is damaged or does not conform to its format.",
        "Open it in its own program and save it again, or fetch a fresh copy.",
    ),
    FailureClass.EMPTY: _G(
        Retry.NEVER, "The file has no bytes.", "Fetch the file again: it has a size of zero."
    ),
    FailureClass.PAGES_FAILED: _G(
        Retry.NEVER,
        "More pages failed than the allowed ratio.",
        "Raise allowed_page_failure_ratio, or repair the pages that the message names.",
    ),
    FailureClass.INCOMPLETE: _G(
        Retry.NEVER,
        "The result has warnings that this run does not accept (--strict); the message names them.",
        "Repair the file, or accept the result: redrive with --only incomplete --strict=none.",
    ),
    FailureClass.TOO_MANY_PAGES: _G(
        Retry.NEVER,
        "The file has more pages than the limit.",
        "Split it, raise DOCMILL_MAX_PAGES, or request a page range.",
    ),
    FailureClass.LIMIT_EXCEEDED: _G(
        Retry.NEVER,
        "The file is valid, but exceeds a limit of this installation.",
        "Raise the setting that the message names, or split the file.",
    ),
    FailureClass.TIMEOUT: _G(
        Retry.NEVER,
        "The engine ran longer than the limit for one file and was stopped.",
        "Raise DOCMILL_ENGINE_TIMEOUT_SECONDS or the time of each page, or use the tier fast.",
    ),
    FailureClass.OUT_OF_MEMORY: _G(
        Retry.NEVER,
        "The engine needed more memory than its limit.",
        "Raise DOCMILL_ENGINE_MEMORY_MB, or split the file.",
    ),
    FailureClass.CRASHED: _G(
        Retry.ENGINE,
        "The engine's process crashed on this file; the worker continued.",
        "The file may be hostile: open it with care, convert it, and run it again.",
    ),
    FailureClass.ENGINE_ERROR: _G(
        Retry.NEVER,
        "The engine reported an error without further details.",
        "Read the message; if the file opens elsewhere, report it with the engine's version.",
    ),
    FailureClass.ENGINE_REFUSED: _G(
        Retry.NEVER,
        "The remote engine rejected this file.",
        "Read the message: another model, tier or engine may accept the file.",
    ),
    FailureClass.ENGINE_DENIED: _G(
        Retry.NEVER,
        "The remote engine does not accept the key, or has no such model.",
        "Correct the key or the model in the worker's settings, then redrive the failed files.",
    ),
    FailureClass.ANSWER_INVALID: _G(
        Retry.NEVER,
        "The answer of the remote engine cannot be used.",
        "Try a simpler schema, fewer pages, or another model.",
    ),
    FailureClass.STORAGE_ERROR: _G(
        Retry.INFRASTRUCTURE,
        "The result could not be written or the file could not be read.",
        "Check free space and permissions; the batch then continues by itself.",
    ),
    FailureClass.SOURCE_VANISHED: _G(
        Retry.NEVER,
        "The file was listed, but no longer existed when it was read.",
        "Restore it and run the same command again.",
    ),
    FailureClass.SOURCE_CHANGED: _G(
        Retry.NEVER,
        "The file changed after it was listed.",
        "Run the same command again: it processes the new version.",
    ),
    FailureClass.SOURCE_UNREACHABLE: _G(
        Retry.ENGINE,
        "The URL of the file could not be fetched.",
        "Open the URL in a browser; it must be public, and must not require a login.",
    ),
    FailureClass.WORKER_LOST: _G(
        Retry.WORKER,
        "Several workers were lost while they processed this file.",
        "Check the logs and the memory of the workers; then run the same command again.",
    ),
    FailureClass.CANCELLED: _G(
        Retry.NEVER, "The batch was cancelled before this file was done.", "Run it again."
    ),
    FailureClass.INTERNAL: _G(
        Retry.ENGINE,
        "Docmill itself failed on this file.",
        "This is a bug: report the message and the worker's log.",
    ),
}


class ItemFailure(DocmillError):  # noqa: N818 - a failure is an outcome, not a programming error
    """One file failed.

    Attributes:
        failure_class: the class of the failure.
        phase: where it happened: ``read``, ``engine`` or ``store``.
        retry: the retry budget; by default that of the class.
        pause: seconds to wait before a retry; None means the retry policy.
        engine: name of the engine; None if none had been chosen.
        engine_version: its version.
    """

    def __init__(
        self,
        failure_class: FailureClass,
        message: str = "",
        phase: str = "engine",
        retry: Retry | None = None,
        pause: float | None = None,
    ) -> None:
        guide = GUIDES[failure_class]
        super().__init__(message or guide.meaning, guide.advice)
        self.failure_class = failure_class
        self.phase = phase
        self.retry = guide.retry if retry is None else retry
        self.pause = pause
        self.engine: str | None = None
        self.engine_version: str | None = None
