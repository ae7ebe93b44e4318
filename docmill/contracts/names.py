"""Wire names and limits: the public contract for Temporal clients in any language."""

# Task queues

BATCH_QUEUE = "docmill"
"""Workflows, listing and recording."""
LOCAL_ENGINES_QUEUE = "docmill-local-engines"
"""Items whose engine runs in a child process of the worker."""
LOCAL_GROUPS_QUEUE = "docmill-local-groups"
"""Groups of small items whose engine runs in a child process of the worker. A queue of their own:
on the other one a small batch would wait behind groups of a second each. Workers of a version
without groups never see them."""
REMOTE_ENGINES_QUEUE = "docmill-remote-engines"
"""Items that wait for an engine over HTTP."""

DELIVERIES_QUEUE = "docmill-deliveries"
"""Webhooks and retention: a slow receiver never keeps a batch waiting."""

# Workflow, queries, signals, updates

BATCH_WORKFLOW = "Batch"
PROGRESS_QUERY = "progress"
FAILURES_QUERY = "failures"
CANCEL_SIGNAL = "cancel"
PAUSE_SIGNAL = "pause"
RESUME_SIGNAL = "resume"
SET_CONCURRENCY_UPDATE = "set_concurrency"

EPOCH_MEMO = "epoch"
"""Which attempt of its batch a workflow runs; an older workflow says nothing of the newer row."""

# Docmill's own workflows: nobody else starts or signals them

DELIVERY_WORKFLOW = "WebhookDelivery"
WAKE_DELIVERY = "wake"
RETENTION_WORKFLOW = "Retention"

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
"""Item ids that a Temporal client may pass in the input; more belong into a directory."""
DEFAULT_PAGE_SIZE = 100
"""v1's default; also what one `next_page` returns of a batch without groups."""
MAX_PAGE_SIZE = 1_000
"""v1's bound (api-contract 3.1)."""
DEFAULT_CONTINUE_AS_NEW_THRESHOLD = 1_000
"""Files of one run at most; the history's own bound usually ends a run earlier."""
GROUPED_CONTINUE_AS_NEW_THRESHOLD = 50_000
"""The same for a batch with groups: a group of 64 writes as much history as one item."""
MAX_GROUP = 64
"""Items of one group at most."""
UNGROUPED_BATCH = 100
"""A batch of up to so many items runs one activity per item: groups would gain it nothing."""
FAILURE_SAMPLE = 20
"""Items that must have run before a rate of failures is judged: one bad file among the first three
says nothing about the rest."""
MAX_CONCURRENCY = 256
"""In-flight items of one batch: bounded so that one run's history stays under 4,000 events."""
