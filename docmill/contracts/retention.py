"""Payloads of the retention workflow."""

from datetime import datetime

from docmill.contracts.words import Payload


class RetentionRequest(Payload):
    """Argument of ``retain``: the workflow's time, which decides what has expired."""

    at: datetime


class RetentionReport(Payload):
    """Number of objects that one run of retention removed.

    Attributes:
        results: stored results that were not used for ``DOCMILL_RESULT_TTL_DAYS``.
        directories: expired ephemeral directories.
        files: uploaded files that no directory lists any more.
        webhook_events: entries of the delivery log.
    """

    results: int = 0
    directories: int = 0
    files: int = 0
    webhook_events: int = 0
