"""Every timeout and retry policy, named, with its reason; the options of every activity."""

from datetime import timedelta

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType, ActivityConfig

from docmill.contracts.names import LOCAL_GROUPS_QUEUE

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

GROUP_TIMEOUT = timedelta(minutes=10)
"""A group begins no file after 3 s; the rest is storing and recording, on a slow disk. It
heartbeats, so a lost worker is noticed at once."""

SHOW_INTERVAL = timedelta(seconds=1)
"""Details for people are set at most this often."""

LEFT_PAUSE = timedelta(seconds=1)
"""Before an item is planned again that a worker left for a reason that is gone by now: whatever
makes workers leave items must not write history as fast as they can."""

# -- activity options: the workflow adds its project's priority and a summary ------------------


def _bookkeeping(timeout: timedelta, retry_policy: RetryPolicy = INFRASTRUCTURE) -> ActivityConfig:
    return ActivityConfig(
        start_to_close_timeout=timeout,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=retry_policy,
    )


OPEN = _bookkeeping(OPEN_TIMEOUT)
ADMIT = _bookkeeping(CLOSE_TIMEOUT, ADMISSION)
RECORD = _bookkeeping(RECORD_TIMEOUT)
CLOSE = _bookkeeping(CLOSE_TIMEOUT)
DELIVER: ActivityConfig = {**_bookkeeping(ROUND_TIMEOUT), "summary": "deliver what is due"}
RETAIN: ActivityConfig = {**CLOSE, "summary": "remove what was kept long enough"}

GROUP: ActivityConfig = {
    **_bookkeeping(GROUP_TIMEOUT),
    "task_queue": LOCAL_GROUPS_QUEUE,
    "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
}
"""A group of items. A cancel waits for the activity, which records what it has."""

ITEM = ActivityConfig(
    heartbeat_timeout=HEARTBEAT_TIMEOUT,
    retry_policy=INFRASTRUCTURE,
    cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
)
"""One item; its queue and its time limit are those of the batch's engine. A cancel waits for the
activity, which records the outcome."""
