"""Classification of database errors: transient errors, user errors, and bugs."""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from docmill.errors import DatabaseAwayError, DocmillError, UsageError

_MISTAKES = ("no such", "syntax error", "has no column", "misuse")
"""Messages of wrong SQL. SQLite raises `OperationalError` for it, too; a retry cannot succeed."""

_TRANSIENT_STATES = ("08", "40", "53", "55P03", "57", "58")
"""Transient SQLSTATE classes of PostgreSQL: connection, rollback, resources, lock, shutdown,
system."""

_REFUSED_STATES = ("28", "3D")
"""SQLSTATE classes of PostgreSQL: rejected login, unknown database."""

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


def refused(error: BaseException) -> UsageError | None:
    """Translate a rejected login or an unknown database to an error for users, else None."""
    state = str(getattr(getattr(error, "orig", None), "sqlstate", ""))
    if not state.startswith(_REFUSED_STATES):
        return None
    return UsageError(
        f"The records database refuses the connection: {_detail(error)}.",
        "Correct user, password and database name in DOCMILL_DATABASE_URL.",
    )


def in_words(error: BaseException) -> DocmillError | None:
    """Translate a database error to an error for users; None if it is a bug."""
    if is_transient(error):
        return unavailable(error)
    if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == _NUL_CHARACTER:
        return UsageError("A text contains a NUL character.", "Remove it and send it again.")
    return None


def unavailable(error: BaseException) -> DatabaseAwayError:
    """Return an error without the statement, its values and the address of the database."""
    return DatabaseAwayError(f"The records database cannot be used now: {_detail(error)}.", _HINT)


def _detail(error: BaseException) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(cause, OSError):
        return cause.strerror or type(cause).__name__
    return str(cause).splitlines()[0] if str(cause) else type(cause).__name__
