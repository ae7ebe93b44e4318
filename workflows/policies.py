"""Timeouts and retry policies with their reasons, and the options of every activity."""

from datetime import timedelta

from temporalio.common import RetryPolicy
from temporalio.workflow import (
    ActivityCancellationType,
    ActivityConfig,
    ContinueAsNewVersioningBehavior,
)

from docmill.contracts.names import LOCAL_GROUPS_QUEUE

UPGRADE = ContinueAsNewVersioningBehavior.AUTO_UPGRADE
"""A run that continues as new starts on the current version of the workers, where it is pinned
again. Without worker versioning it has no effect."""

RECORD_TIMEOUT = timedelta(seconds=60)
"""One short transaction. A minute indicates a database problem, which a retry may solve. The
activity heartbeats: otherwise a page of a killed worker would delay its batch for a minute."""

OPEN_TIMEOUT = timedelta(hours=6)
"""Listing a folder of millions of files. It heartbeats, so a lost worker is noticed at once."""

CLOSE_TIMEOUT = timedelta(hours=6)
"""Writing the manifest of millions of files. It heartbeats, too."""

EXPORT_TIMEOUT = timedelta(days=30)
"""The whole batch, which may be paused. It heartbeats, too."""

ROUND_TIMEOUT = timedelta(minutes=5)
"""One round of webhook deliveries, which starts none after a minute and heartbeats."""

HEARTBEAT_TIMEOUT = timedelta(seconds=8)
"""Items of a lost worker run again within 15 s: docs/decisions/0010-heartbeat-timeout.md."""

ADMISSION = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=1.5,
    maximum_interval=timedelta(seconds=10),
    maximum_attempts=0,
)
"""Waiting for admission among the running batches of a project. Retries of one activity write no
history. The activity sets the delay itself; this policy applies if it gets no answer."""

CANCEL_GRACE = timedelta(seconds=3)
"""Items in flight have this long to end after a cancel; the batch ends within 5 s."""

INFRASTRUCTURE = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=30),
    maximum_attempts=0,
)
"""Database, store or network unavailable: the batch waits and continues. Retry budgets for failures
of a file are counted in the ledger, because a lost worker must not use them up."""

GROUP_TIMEOUT = timedelta(minutes=10)
"""A group starts no file after 3 s; the remainder is storing and recording on a slow disk. It
heartbeats, so a lost worker is noticed at once."""

SHOW_INTERVAL = timedelta(seconds=1)
"""Minimum interval between updates of the details."""

LEFT_PAUSE = timedelta(seconds=1)
"""Delay before an item that a worker returned is planned again. It bounds the rate of history
events of returned items."""

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

BEGIN_SYNC: ActivityConfig = {**OPEN, "summary": "list the source"}
EXPORT: ActivityConfig = {**_bookkeeping(EXPORT_TIMEOUT), "summary": "export the batch"}
FINISH_SYNC: ActivityConfig = EXPORT

GROUP: ActivityConfig = {
    **_bookkeeping(GROUP_TIMEOUT),
    "task_queue": LOCAL_GROUPS_QUEUE,
    "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
}
"""A group of items. A cancel waits for the activity, which records its outcomes."""

ITEM = ActivityConfig(
    heartbeat_timeout=HEARTBEAT_TIMEOUT,
    retry_policy=INFRASTRUCTURE,
    cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
)
"""One item. Task queue and time limit depend on the engine of the batch. A cancel waits for the
activity, which records the outcome."""
