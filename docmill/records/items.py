"""Data classes of items that enter and leave the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from docmill.contracts.media_types import name_warning
from docmill.contracts.warnings import ResultWarning
from docmill.contracts.words import JobType, Outcome
from docmill.errors import ConflictError
from docmill.ids import Prefix, derived_id
from docmill.records.outbox import Subscribers

JOB_PREFIXES = {
    JobType.PARSE: Prefix.PARSE_JOB,
    JobType.EXTRACT: Prefix.EXTRACT_JOB,
    JobType.CLASSIFY: Prefix.CLASSIFY_JOB,
}


GROUP_MARK = "/"
"""Separator between worker and group in ``BatchItem.claimed_by``."""


def group_claim(worker: str, group: str) -> str:
    """Return the identity with which a worker claims the items of one group."""
    return f"{worker}{GROUP_MARK}{group}"


class StaleItem(ConflictError):  # noqa: N818 - an expected conflict
    """The task belongs to an earlier execution of the batch, which has been redriven since."""


def job_id_of(job_type: str, batch_id: str, position: int) -> str:
    """Return the id of an item's job; repeated claims use the same job."""
    return derived_id(JOB_PREFIXES[JobType(job_type)], batch_id, position)


def name_warnings(path: str, media_type: str) -> list[dict[str, Any]]:
    """Return the warnings about a file's name, as stored.

    They belong to the item and not to the result, which items with other names may share.

    Args:
        path: path of the file.
        media_type: detected media type.
    """
    found = name_warning(path, media_type)
    return [found.model_dump(mode="json")] if found else []


def file_warnings(path: str, media_type: str, of_result: Sequence[Any] | None) -> list[Any]:
    """Return all warnings of a file, as stored: those about its name, and those of its result."""
    return [*name_warnings(path, media_type), *(of_result or ())]


@dataclass(frozen=True, slots=True)
class ClaimedItem:
    """A claimed item with all data that its worker needs.

    Attributes:
        epoch: fencing token together with ``attempt``: a settlement counts only while both are
            current.
        worker_losses: number of workers lost while they held the item, before this claim and by it.
        engine_failures: number of transient engine failures.
        cleaned_attempts: attempts up to this one left no objects in the store; later ones may have.
        path: unique path in the listing.
        name: display name.
        sha256: hash of the listed bytes, if known.
        engine: name of its engine; see `docmill.engines.choice`.
        source: source of the directory, if its entries are read in place.
        source_path: raw relative path in the source; None for uploads.
        signature: signature of the file when it was listed; None for uploads.
        object_key: key of the uploaded bytes; None for entries that are read in place.
        source_url: URL of the bytes; None if they were fetched or do not come from a URL.
        http_proxy: proxy for the URL.
        subscribers: webhook subscribers of its batch.
        strict: codes of warnings that its batch does not accept; None for none.
    """

    batch_id: str
    epoch: int
    position: int
    attempt: int
    worker_losses: int
    engine_failures: int
    cleaned_attempts: int
    job_id: str
    item_id: str
    path: str
    name: str
    size: int
    sha256: str | None
    project_id: str
    job_type: str
    parameters: dict[str, Any]
    parameters_hash: str
    engine: str
    source: dict[str, Any] | None
    source_path: bytes | None
    signature: str | None
    object_key: str | None
    directory_id: str
    sequence: int
    source_url: str | None = None
    http_proxy: str | None = None
    subscribers: Subscribers | None = None
    strict: list[Any] | None = None

    @property
    def clean(self) -> bool:
        """Whether no earlier attempt can have left objects in the store."""
        return self.cleaned_attempts >= self.attempt - 1


@dataclass(frozen=True, slots=True)
class PeekedItem:
    """An unclaimed item without an outcome.

    Attributes:
        item: as in a claim, without a new attempt number.
        held_by: claim that holds it; None if it is free.
        stopped: whether its batch is paused or cancelled, so that a claim is rejected.
    """

    item: ClaimedItem
    held_by: str | None
    stopped: bool = False

    @property
    def suspect(self) -> bool:
        """Whether the item may have crashed a worker, so that it must be processed exclusively."""
        lost = self.held_by is not None and GROUP_MARK not in self.held_by
        return lost or self.item.worker_losses > 0


@dataclass(frozen=True, slots=True)
class ReadBytes:
    """Facts about an item's bytes after reading them.

    Attributes:
        cache_key: cache key of the item's result.
        lease_seconds: time after which a lease expires, because its holder cannot be working any
            more.
    """

    sha256: str
    cache_key: str
    lease_seconds: float


class NotBegun(StrEnum):
    """Reason why an item was not claimed; its row does not change."""

    BEING_MADE = "being_made"
    """Another item with the same bytes and parameters is being processed."""
    HELD = "held"
    """Its batch is paused, ending, or has the maximum of items in flight."""
    ALONE = "alone"
    """It needs a separate activity, because it may have crashed a worker."""


@dataclass(frozen=True, slots=True)
class NewResult:
    """A new result. Its objects are stored under ``object_prefix`` already."""

    cache_key: str
    object_prefix: str
    result_sha256: str
    size: int
    engine: str
    engine_version: str
    media_type: str
    pages_total: int
    pages_ok: int
    pages_failed: int
    partial: bool = False
    usage: dict[str, int] | None = None
    warnings: list[dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """Outcome of an item.

    Attributes:
        sha256: hash of the bytes that were read.
        result: result to store; if its cache key exists, that result is used. The result of a
            failed item is available to other items.
        existing_result_id: id of the stored result that a skipped item shares.
        cleaned_attempts: attempts up to this one left no objects in the store except those of
            ``result``; None leaves the value unchanged.
        warnings: warnings about this file only; those of its content belong to the result. For a
            file that failed as incomplete, the warnings of its result, since the item has none.
    """

    outcome: Outcome
    sha256: str | None = None
    result: NewResult | None = None
    existing_result_id: str | None = None
    partial: bool = False
    failure_class: str | None = None
    failure_message: str | None = None
    failure_phase: str | None = None
    skip_reason: str | None = None
    pages_total: int | None = None
    pages_ok: int | None = None
    pages_failed: int | None = None
    engine: str | None = None
    engine_version: str | None = None
    cleaned_attempts: int | None = None
    warnings: list[dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """Effect of settlements.

    Attributes:
        positions: positions of the settled items.
        unnamed: prefixes of stored objects that no result references, because the attempt was stale
            or an equal result exists. They have to be deleted.
    """

    positions: frozenset[int]
    unnamed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UncleanItem:
    """An item whose attempts may have stored objects that no result references.

    Attributes:
        attempts: numbers of these attempts.
        object_prefix: prefix of the item's result, which stays.
    """

    position: int
    epoch: int
    attempts: range
    object_prefix: str | None


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """Record of one file of a batch in the ledger, the HTTP API and the manifest.

    Attributes:
        path: path in the listing.
        sha256: hash of its bytes; None if they were never read.
        partial: whether some pages failed, within the allowed ratio.
        attempts: number of claims.
    """

    path: str
    size: int
    sha256: str | None
    status: str
    partial: bool
    failure_class: str | None
    failure_message: str | None
    skip_reason: str | None
    pages_total: int | None
    pages_ok: int | None
    pages_failed: int | None
    engine: str | None
    engine_version: str | None
    attempts: int
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class LedgerItem(ItemRecord):
    """One file of a batch with all data of the ledger; `pending` without an outcome.

    Attributes:
        item_id: id of the directory file.
        job_id: None if it has no job yet.
        purged: whether its result has expired.
        warnings: missing or doubtful content; warnings about the file come first.
    """

    position: int
    item_id: str
    name: str
    job_id: str | None
    failure_phase: str | None
    purged: bool
    warnings: list[ResultWarning] = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class ItemRow(LedgerItem):
    """One listed item and the location of its result.

    Attributes:
        object_prefix: prefix of the result's objects; None without a result, like the others.
    """

    result_id: str | None
    object_prefix: str | None
    result_sha256: str | None
    media_type: str | None


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failed items of one class, with the first one as example."""

    failure_class: str
    count: int
    example_path: str
    example_message: str
