"""Wire names and limits: the public contract for Temporal clients in any language."""

# Task queues

BATCH_QUEUE = "docmill"
"""Workflows, and activities that list and record."""
LOCAL_ENGINES_QUEUE = "docmill-local-engines"
"""Items whose engine runs in a child process of the worker."""
LOCAL_GROUPS_QUEUE = "docmill-local-groups"
"""Groups of small items whose engine runs in a child process of the worker. They have a queue of
their own, because a small batch would otherwise wait for groups of a second each. Workers of a
version without groups do not poll it."""
REMOTE_ENGINES_QUEUE = "docmill-remote-engines"
"""Items of remote engines."""

DELIVERIES_QUEUE = "docmill-deliveries"
"""Webhooks, retention, syncs and exports, so that what waits for others does not delay batches."""

# Workflow, queries, signals, updates

BATCH_WORKFLOW = "Batch"
PROGRESS_QUERY = "progress"
FAILURES_QUERY = "failures"
CANCEL_SIGNAL = "cancel"
PAUSE_SIGNAL = "pause"
RESUME_SIGNAL = "resume"
SET_CONCURRENCY_UPDATE = "set_concurrency"

EPOCH_MEMO = "epoch"
"""The epoch of the batch that a workflow executes. A workflow of an older epoch is ignored."""

# Internal workflows: only Docmill starts and signals them

DELIVERY_WORKFLOW = "WebhookDelivery"
WAKE_DELIVERY = "wake"
RETENTION_WORKFLOW = "Retention"
SYNC_WORKFLOW = "Sync"
EXPORT_WORKFLOW = "Export"

# Activities

OPEN_BATCH = "open_batch"
ADMIT_BATCH = "admit_batch"
NEXT_PAGE = "next_page"
PROCESS_ITEM = "process_item"
PROCESS_GROUP = "process_group"
RECORD_LOST_ITEM = "record_lost_item"
RECORD_STATE = "record_state"
CLOSE_BATCH = "close_batch"
DELIVER_DUE = "deliver_due"
RETAIN = "retain"
BEGIN_SYNC = "begin_sync"
FINISH_SYNC = "finish_sync"
EXPORT_BATCH = "export_batch"

# Search attributes (the dev server's default allows three Int; the rest are Keyword)

PROJECT_ATTRIBUTE = "DocmillProject"
DIRECTORY_ATTRIBUTE = "DocmillDirectory"
JOB_TYPE_ATTRIBUTE = "DocmillJobType"
STATUS_ATTRIBUTE = "DocmillStatus"
PROCESSED_ATTRIBUTE = "DocmillProcessed"
FAILED_ATTRIBUTE = "DocmillFailed"
TOTAL_ATTRIBUTE = "DocmillTotal"

SEARCH_ATTRIBUTES = {
    PROJECT_ATTRIBUTE: "Keyword",
    DIRECTORY_ATTRIBUTE: "Keyword",
    JOB_TYPE_ATTRIBUTE: "Keyword",
    STATUS_ATTRIBUTE: "Keyword",
    PROCESSED_ATTRIBUTE: "Int",
    FAILED_ATTRIBUTE: "Int",
    TOTAL_ATTRIBUTE: "Int",
}
"""Types by name, as Temporal's command line spells them."""

MAX_INLINE_ITEMS = 1_000
"""Maximum item ids in the workflow input; more items need a directory."""
DEFAULT_PAGE_SIZE = 100
"""Default of LlamaCloud's v1, and the page size of batches without groups."""
MAX_PAGE_SIZE = 1_000
"""Maximum of LlamaCloud's v1."""
DEFAULT_CONTINUE_AS_NEW_THRESHOLD = 1_000
"""Maximum files of one run; the limit of the history usually ends a run earlier."""
GROUPED_CONTINUE_AS_NEW_THRESHOLD = 50_000
"""The same for a batch with groups: a group of 64 items writes as much history as one item."""
MAX_GROUP = 64
"""Maximum items of one group."""
UNGROUPED_BATCH = 100
"""A batch of up to this many items runs one activity per item: groups would not speed it up."""
FAILURE_SAMPLE = 20
"""Minimum items that must have run before the failure rate is checked: one failure among the first
three items is not significant."""
MAX_CONCURRENCY = 256
"""Maximum items of one batch in flight, so that the history of a run stays below 4,000 events."""
