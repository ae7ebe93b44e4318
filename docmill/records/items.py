"""The forms in which items leave and enter the ledger."""

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
from docmill.records.outbox import Audience

JOB_PREFIXES = {
    JobType.PARSE: Prefix.PARSE_JOB,
    JobType.EXTRACT: Prefix.EXTRACT_JOB,
    JobType.CLASSIFY: Prefix.CLASSIFY_JOB,
}


GROUP_MARK = "/"
"""Between the worker and its group in ``BatchItem.claimed_by``."""


def group_claim(worker: str, group: str) -> str:
    """Return the identity under which a worker claims the items of one group."""
    return f"{worker}{GROUP_MARK}{group}"


class StaleItem(ConflictError):  # noqa: N818 - a fence that held, not a fault
    """A task of an earlier epoch came back: the batch has been redriven since."""


def job_id_of(job_type: str, batch_id: str, position: int) -> str:
    """Return the id of an item's job; a retry gets the same one."""
    return derived_id(JOB_PREFIXES[JobType(job_type)], batch_id, position)


def name_warnings(path: str, media_type: str) -> list[dict[str, Any]]:
    """Return the warnings about a file's name, as stored.

    They depend on the name, and so belong to the item and not to the result, which items of
    other names may share.

    Args:
        path: of the file.
        media_type: what its content turned out to be.
    """
    found = name_warning(path, media_type)
    return [found.model_dump(mode="json")] if found else []


def file_warnings(path: str, media_type: str, of_result: Sequence[Any] | None) -> list[Any]:
    """Return all warnings of a file, as stored: those about its name, and those of its result."""
    return [*name_warnings(path, media_type), *(of_result or ())]


@dataclass(frozen=True, slots=True)
class ClaimedItem:
    """One item that this worker may work on, and all it needs to know for that.

    Attributes:
        epoch: with ``attempt``, the fence: a settlement counts only while both are current.
        worker_losses: how many workers were lost while they held the item, this claim included.
        engine_failures: transient engine failures so far.
        cleaned_attempts: attempts up to this one left nothing in the store; those between it and
            this attempt may have.
        path: its path in the listing, unique there.
        name: its name for people.
        sha256: of the bytes as listed, when known.
        engine: what runs it; see `docmill.engines.choice`.
        source: the directory's source, when its entries are read in place.
        source_path: raw relative path below that source; None for uploads.
        signature: of the file when it was listed; None for uploads.
        object_key: of the uploaded bytes; None for entries read in place.
        source_url: where the bytes are to be fetched; None when that is done, or never was to do.
        http_proxy: the proxy that leads there.
        audience: webhooks that listen to its batch.
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
    audience: Audience | None = None
    strict: list[Any] | None = None

    @property
    def clean(self) -> bool:
        """Whether no earlier attempt can have left anything in the store."""
        return self.cleaned_attempts >= self.attempt - 1


@dataclass(frozen=True, slots=True)
class PeekedItem:
    """An item without an outcome, as it was read without a claim.

    Attributes:
        item: as a claim would give it, but for the number of the attempt.
        held_by: the claim that holds it; None while nobody does.
        stopped: whether its batch was paused or cancelled, so that a claim will be refused.
    """

    item: ClaimedItem
    held_by: str | None
    stopped: bool = False

    @property
    def suspect(self) -> bool:
        """Whether a worker may have died of it: it must not be processed beside others."""
        lost = self.held_by is not None and GROUP_MARK not in self.held_by
        return lost or self.item.worker_losses > 0


@dataclass(frozen=True, slots=True)
class ReadBytes:
    """What is known of an item's bytes once they were read.

    Attributes:
        cache_key: of the result that the item would get.
        lease_seconds: after these, whoever makes it can no longer be at work, whatever its row
            says.
    """

    sha256: str
    cache_key: str
    lease_seconds: float


class NotBegun(StrEnum):
    """Why an item was not claimed, and stays as it is."""

    BEING_MADE = "being_made"
    """Another item with the same bytes and parameters is being processed now."""
    HELD = "held"
    """Its batch is paused, ends, or has more in flight than it may."""
    ALONE = "alone"
    """It must have an activity of its own: a worker was lost that may have died of it."""


@dataclass(frozen=True, slots=True)
class NewResult:
    """A result that was just stored; its objects lie under ``object_prefix`` already."""

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
    """How an item ended.

    Attributes:
        sha256: of the bytes that were read.
        result: to store with the outcome; when its cache key is taken, that result is used. An
            item that failed leaves it to others.
        existing_result_id: of the stored result that a skipped item shares.
        cleaned_attempts: attempts up to this one left nothing in the store but what ``result``
            names; None: as it was.
        warnings: those about this file alone; its result has its own. Of a file that failed as
            incomplete, those that its result has: the item itself has none.
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
    """What came of settlements.

    Attributes:
        positions: of the items that were settled.
        unnamed: prefixes of files that were stored for results that nothing names: their attempt
            came too late, or there is such a result already. Remove them.
    """

    positions: frozenset[int]
    unnamed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UncleanItem:
    """An item whose attempts may have stored what no result names.

    Attributes:
        attempts: the numbers of those attempts.
        object_prefix: of the result that the item has, which stays.
    """

    position: int
    epoch: int
    attempts: range
    object_prefix: str | None


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """What the ledger, the HTTP API and the manifest say of one file of a batch.

    Attributes:
        path: its path in the listing.
        sha256: of its bytes; None when they were never read.
        partial: some pages failed, within the allowed ratio.
        attempts: how often a worker claimed it.
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
    """One file of a batch with all that the ledger knows of it; `pending` without an outcome.

    Attributes:
        item_id: the directory file's id.
        job_id: None while no job has been made for it.
        purged: there was a result, and it was kept for as long as results are.
        warnings: what is not in its result, or may be wrong in it; those about the file come first.
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
    """One listed item and where its result is.

    Attributes:
        object_prefix: where the result's objects lie; None without a result, like the others.
    """

    result_id: str | None
    object_prefix: str | None
    result_sha256: str | None
    media_type: str | None


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failed items of one class, with the first of them as the example."""

    failure_class: str
    count: int
    example_path: str
    example_message: str
