"""Every timeout and retry policy, named, with its reason."""

from datetime import timedelta

from temporalio.common import RetryPolicy

RECORD_TIMEOUT = timedelta(seconds=60)
"""One short transaction; a minute is a database in trouble, and another try is right. It
heartbeats as well: without, a page that a killed worker held would keep its batch for a minute."""

OPEN_TIMEOUT = timedelta(hours=6)
"""Listing a folder of millions; it heartbeats, so a lost worker is noticed at once."""

CLOSE_TIMEOUT = timedelta(hours=6)
"""Writing the manifest of millions; it heartbeats too."""

ROUND_TIMEOUT = timedelta(minutes=5)
"""One round of webhooks, which begins no attempt after a minute and heartbeats."""

HEARTBEAT_TIMEOUT = timedelta(seconds=8)
"""A lost worker's items run again within 15 s: docs/decisions/0010-heartbeat-timeout.md."""

ADMISSION = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=1.5,
    maximum_interval=timedelta(seconds=10),
    maximum_attempts=0,
)
"""Waiting in line for a place among a project's running batches: retries of one activity write no
history. The activity itself says when to ask again; this is for answers that never came."""

CANCEL_GRACE = timedelta(seconds=3)
"""In-flight items get this long to end cleanly after a cancel; the batch is over within 5 s."""

INFRASTRUCTURE = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=30),
    maximum_attempts=0,
)
"""Database, store or network away: the batch waits and goes on. Budgets for what a file itself
causes are counted in the ledger, not here, because a lost worker must not eat them."""
