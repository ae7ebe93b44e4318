"""Classification of database errors: transient errors, user errors, and bugs."""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from docmill.errors import DocmillError, UnavailableError, UsageError

_MISTAKES = ("no such", "syntax error", "has no column", "misuse")
"""Messages of wrong SQL. SQLite raises `OperationalError` for it, too; a retry cannot succeed."""

_TRANSIENT_STATES = ("08", "40", "53", "55P03", "57", "58")
"""Transient SQLSTATE classes of PostgreSQL: connection, rollback, resources, lock, shutdown,
system."""

_NUL_CHARACTER = "22021"
"""PostgreSQL's SQLSTATE for text with a NUL character, which it cannot store. SQLite can."""

_HINT = "Check DOCMILL_DATABASE_URL, free space and permissions; the work continues by itself."


def is_transient(error: BaseException) -> bool:
    """Return whether the same transaction may succeed later."""
    if isinstance(error, PoolTimeout | OSError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_TRANSIENT_STATES)
    if error.connection_invalidated or isinstance(error, InterfaceError):
        return True
    text = str(error.orig).lower()
    return isinstance(error, OperationalError) and not any(word in text for word in _MISTAKES)


def in_words(error: BaseException) -> DocmillError | None:
    """Translate a database error to an error for users; None if it is a bug."""
    if is_transient(error):
        return unavailable(error)
    if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == _NUL_CHARACTER:
        return UsageError("A text contains a NUL character.", "Remove it and send it again.")
    return None


def unavailable(error: BaseException) -> UnavailableError:
    """Return an error without the statement, its values and the address of the database."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    detail = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
    if isinstance(cause, OSError):
        detail = cause.strerror or type(cause).__name__
    return UnavailableError(f"The records database cannot be used now: {detail}.", _HINT)
