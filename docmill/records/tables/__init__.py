"""All tables. The comment of a column says what the name does not."""

from docmill.records.tables.api import RequestClaim, WebhookConfiguration, WebhookTarget
from docmill.records.tables.attempts import EngineLease, PastAttempt, PastOutcome
from docmill.records.tables.base import INDEXED_CHARACTERS, Table, beginning, equals, now
from docmill.records.tables.batches import (
    Batch,
    BatchCount,
    BatchItem,
    BatchListing,
    BatchWarningCount,
    ItemStep,
    JobDetails,
    Result,
)
from docmill.records.tables.sources import (
    Configuration,
    ConfigurationVersion,
    Directory,
    DirectoryFile,
    File,
    Project,
    ScanMark,
)
from docmill.records.tables.sweeps import Sweep
from docmill.records.tables.webhooks import ORDINARY, URGENT, WebhookAttempt, WebhookEvent

__all__ = [
    "INDEXED_CHARACTERS",
    "ORDINARY",
    "URGENT",
    "Batch",
    "BatchCount",
    "BatchItem",
    "BatchListing",
    "BatchWarningCount",
    "Configuration",
    "ConfigurationVersion",
    "Directory",
    "DirectoryFile",
    "EngineLease",
    "File",
    "ItemStep",
    "JobDetails",
    "PastAttempt",
    "PastOutcome",
    "Project",
    "RequestClaim",
    "Result",
    "ScanMark",
    "Sweep",
    "Table",
    "WebhookAttempt",
    "WebhookConfiguration",
    "WebhookEvent",
    "WebhookTarget",
    "beginning",
    "equals",
    "now",
]
