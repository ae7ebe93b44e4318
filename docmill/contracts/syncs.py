"""Payloads of the sync workflow."""

from datetime import datetime

from docmill.contracts.words import BatchStatus, Payload


class SyncInput(Payload):
    """Argument of the workflow: which sync runs once."""

    sync_id: str


class SyncRequest(Payload):
    """Argument of ``begin_sync``.

    Attributes:
        run_id: the run of the workflow; a repeated call with the same one makes no second batch.
    """

    sync_id: str
    run_id: str


class SyncBegun(Payload):
    """The comparison of the source with the last sync.

    Attributes:
        directory_id: directory of the source.
        batch_id: the batch over the new and changed files; None if there are none.
        since: sequence number up to which the directory was synced before.
        until: sequence number of this listing.
        total: number of listed files.
        fresh: number of files that are new or changed.
        vanished: number of files that are gone.
    """

    sync_id: str
    directory_id: str
    batch_id: str | None = None
    since: int
    until: int
    total: int
    fresh: int
    vanished: int


class SyncFinish(Payload):
    """Argument of ``finish_sync``: what ``begin_sync`` returned, and the workflow's time."""

    begun: SyncBegun
    at: datetime


class SyncResult(Payload):
    """The outcome of one sync.

    Attributes:
        batch_id: as in `SyncBegun`.
        status: how the batch ended; None without one.
        total: number of listed files.
        fresh: as in `SyncBegun`.
        completed: number of files of the batch that completed.
        skipped: number of files of the batch that were skipped, most of them processed before.
        failed: number of files of the batch that failed.
        vanished: number of files that are gone.
        deleted: number of files whose results were deleted.
    """

    batch_id: str | None = None
    status: BatchStatus | None = None
    total: int = 0
    fresh: int = 0
    completed: int = 0
    skipped: int = 0
    failed: int = 0
    vanished: int = 0
    deleted: int = 0
