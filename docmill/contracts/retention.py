"""Retention across Temporal."""

from datetime import datetime

from docmill.contracts.words import Payload


class RetentionRequest(Payload):
    """Argument of ``retain``: what may go is told from the workflow's time."""

    at: datetime


class RetentionReport(Payload):
    """What one run of retention removed.

    Attributes:
        results: stored results that nothing had used for long enough.
        directories: ephemeral directories whose time was over.
        files: uploaded files that nothing listed any more.
        webhook_events: entries of the delivery log.
    """

    results: int = 0
    directories: int = 0
    files: int = 0
    webhook_events: int = 0
