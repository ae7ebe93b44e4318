"""Activity for one item: read, claim, look up a result, run the engine, store, record.

A small local file is read before the claim, which can then look up its result and take the lease.
The item costs two write transactions: the claim and the settlement.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import structlog
from structlog.contextvars import bind_contextvars
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.errors import translated
from activities.heartbeats import heartbeating, tell_pages
from activities.resources import Gate, Resources
from docmill.contracts.items import ItemResult, ItemTask
from docmill.contracts.names import LOCAL_ENGINES_QUEUE, PROCESS_ITEM
from docmill.contracts.warnings import strict_failure
from docmill.contracts.words import Outcome, SkipReason
from docmill.engines.base import EngineReport
from docmill.errors import (
    ENGINE_ATTEMPTS,
    WORKER_LOSSES,
    DocmillError,
    FailureClass,
    ItemFailure,
    Retry,
    UnavailableError,
    bounded,
)
from docmill.objects.results import delete_result
from docmill.outbound.fetch import OversizeError
from docmill.processing.documents import Document, ItemDocuments, UrlDocuments
from docmill.processing.results import completed, delete_unreferenced, prefix_of, store_result
from docmill.processing.slices import Sliced
from docmill.records.item_transactions import ItemTransactions
from docmill.records.items import PeekedItem, file_warnings
from docmill.records.ledger import (
    Claim,
    ClaimedItem,
    Ledger,
    NewResult,
    NotBegun,
    Settlement,
    StaleItem,
)
from docmill.records.tables.batches import Result
from docmill.settings import MIB
from docmill.sources.documents import open_document

SAME_BYTES_PAUSE = timedelta(seconds=1)
"""Delay between checks for the result that another item is creating; it occupies no slot."""

log = structlog.get_logger(__name__)


class IncompleteError(ItemFailure):
    """The result exists, but the batch does not accept its warnings.

    Attributes:
        settlement: outcome of the item.
    """

    def __init__(self, breach: ItemFailure, settlement: Settlement) -> None:
        super().__init__(breach.failure_class, breach.message)
        self.settlement = settlement


class BeingMadeError(Exception):
    """Another item with the same bytes and parameters is being processed."""


@dataclass(slots=True)
class Attempt:
    """One claim of this worker while it is valid.

    Attributes:
        document: the item's bytes, if they were read before the claim.
        cleaned: attempts up to this one left nothing in the store; includes this one until it
            starts to store.
    """

    item: ClaimedItem
    document: Document | None
    cleaned: int

    @property
    def as_it_is(self) -> ClaimedItem:
        """The item, to be handed back."""
        return replace(self.item, cleaned_attempts=self.cleaned)


class ItemActivities:
    """Runs single items. All effects are idempotent."""

    def __init__(self, resources: Resources) -> None:
        self._database = resources.database
        self._store = resources.store
        self._engines = resources.engines
        self._scratch = resources.scratch
        self._settings = resources.settings
        self._gate = resources.gate
        self._items = ItemTransactions(resources.database, resources.worker)
        self._documents = ItemDocuments(self._engines, self._store, self._settings)
        self._url_documents = UrlDocuments(self._database, self._store, self._settings)

    @activity.defn(name=PROCESS_ITEM)
    @translated
    async def process_item(self, task: ItemTask) -> ItemResult:
        """Process one item until it has an outcome.

        Raises:
            ApplicationError: non-retryable with a `FailureClass` as type when the item failed and
                the ledger has the failure; otherwise retryable.
        """
        async with heartbeating():
            peeked = await self._items.peek(task)
            if peeked is None or peeked.stopped:
                return await self._process(task, None)  # nothing will start, so it need not wait
            bind_contextvars(item_id=peeked.item.item_id, project_id=peeked.item.project_id)
            local = activity.info().task_queue == LOCAL_ENGINES_QUEUE
            gate = self._gate if local else Gate()  # a remote engine cannot crash this worker
            async with gate.entered(alone=peeked.suspect):
                document = await self._read_first(peeked)
                if not local:
                    return await self._process(task, document)
                async with self._engines.local.turn(peeked.item.project_id):
                    return await self._process(task, document)

    async def _process(self, task: ItemTask, document: Document | None) -> ItemResult:
        claim = await self._claim(task, document)
        if isinstance(claim, Outcome):
            return ItemResult(outcome=claim)
        if isinstance(claim, ClaimedItem):
            outcome = await self._run(Attempt(claim, document, claim.cleaned_attempts))
            return ItemResult(outcome=outcome)
        if claim is NotBegun.BEING_MADE:
            raise _being_made()
        return ItemResult(outcome=Outcome.CANCELLED, left=True)

    async def _read_first(self, peeked: PeekedItem) -> Document | None:
        """Read and hash the item's bytes before it is claimed, if that is cheap.

        The claim can then look up its result and take the lease. This happens only on the first
        try: a loss of the worker is not counted before the claim, but is from then on. Errors of
        the file are raised after the claim.
        """
        if activity.info().attempt > 1 or peeked.held_by is not None:
            return None
        return await self._documents.read_first(peeked.item)

    async def _claim(self, task: ItemTask, document: Document | None) -> Claim:
        claiming = asyncio.ensure_future(
            self._items.claim(task, document.read if document else None)
        )
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            with suppress(DocmillError):
                if isinstance(claim := await claiming, ClaimedItem):
                    await self._hand_back(Attempt(claim, document, claim.cleaned_attempts))
            raise

    async def _run(self, attempt: Attempt) -> Outcome:
        """Process a claimed item until it has an outcome, or hand it back."""
        try:
            return await self._work(attempt)
        except ItemFailure as failure:
            await self._fail(attempt, failure)
        except OversizeError:
            return await self._skip(attempt, SkipReason.SIZE_LIMIT_EXCEEDED)
        except StaleItem:
            raise _stale() from None
        except BeingMadeError:
            await self._hand_back(attempt)
            raise _being_made() from None
        except asyncio.CancelledError:
            await self._stop(attempt)
            raise
        except (UnavailableError, OSError) as error:
            await self._hand_back(attempt)
            raise _waiting(error) from None
        except Exception as error:
            log.exception("item.unexpected", **_names(attempt.item))
            message = bounded(f"{type(error).__name__}: {error}")
            await self._fail(attempt, ItemFailure(FailureClass.INTERNAL, message))

    async def _work(self, attempt: Attempt) -> Outcome:
        await self._clean_up(attempt)
        item = attempt.item
        if item.worker_losses >= WORKER_LOSSES:
            raise ItemFailure(FailureClass.WORKER_LOST)
        if item.size > self._settings.max_file_mb * MIB:
            return await self._skip(attempt, SkipReason.SIZE_LIMIT_EXCEEDED)
        with self._scratch.folder() as folder:
            if attempt.document is not None:
                return await self._make(attempt, attempt.document, folder)
            attempt.item = item = await self._url_documents.fetch_to_store(item, folder)
            async with open_document(item, self._store, folder) as opened:
                document = self._documents.describe(item, opened)
                if (known := await self._known_result(item, document)) is not None:
                    return await self._share(attempt, opened.sha256, known)
                return await self._make(attempt, document, folder)

    async def _known_result(self, item: ClaimedItem, document: Document) -> Result | None:
        """Return the stored result; None if this item has to create it.

        Raises:
            BeingMadeError: another item is creating it.
        """
        if document.read is None:
            return None
        async with self._database.write() as session:
            found = await Ledger(session).look_up(item, document.read)
        if isinstance(found, NotBegun):
            raise BeingMadeError
        return found

    async def _make(self, attempt: Attempt, document: Document, folder: Path) -> Outcome:
        output = folder / "output"
        sliced = Sliced(document.cache_key, tell_pages)
        report = await self._engines.run(attempt.item, document.opened, output, sliced=sliced)
        await document.opened.verify_unchanged()
        return await self._complete(attempt, document, report, output)

    async def _clean_up(self, attempt: Attempt) -> None:
        """Delete objects that earlier attempts stored without recording them."""
        item = attempt.item
        await delete_unreferenced(self._store, item, attempt.cleaned)
        attempt.cleaned = item.attempt

    # -- outcomes ----------------------------------------------------------------

    async def _complete(
        self, attempt: Attempt, document: Document, report: EngineReport, output: Path
    ) -> Outcome:
        item = attempt.item
        attempt.cleaned = item.attempt - 1  # until the ledger references the stored objects
        key = document.cache_key
        result = await store_result(self._store, prefix_of(item), key, report, output)
        warnings = file_warnings(item.path, result.media_type, result.warnings)
        if breach := strict_failure(item.strict, warnings):
            incomplete = _incomplete(breach, document.opened.sha256, result)
            raise IncompleteError(breach, replace(incomplete, result=result))
        return await self._settle(item, completed(item, document.opened.sha256, report, result))

    async def _share(self, attempt: Attempt, sha256: str, known: Result) -> Outcome:
        """Share a stored result with this item, unless its batch does not accept it."""
        warnings = file_warnings(attempt.item.path, known.media_type, known.warnings)
        if breach := strict_failure(attempt.item.strict, warnings):
            raise IncompleteError(breach, _incomplete(breach, sha256, known))
        return await self._skip(attempt, SkipReason.ALREADY_PROCESSED, sha256, known.id)

    async def _skip(
        self,
        attempt: Attempt,
        reason: SkipReason,
        sha256: str | None = None,
        result_id: str | None = None,
    ) -> Outcome:
        settlement = Settlement(
            outcome=Outcome.SKIPPED,
            sha256=sha256,
            existing_result_id=result_id,
            skip_reason=reason,
            cleaned_attempts=attempt.cleaned,
        )
        return await self._settle(attempt.item, settlement)

    async def _fail(self, attempt: Attempt, failure: ItemFailure) -> NoReturn:
        """Retry while the budget of the failure's kind lasts; otherwise record the failure."""
        item = attempt.item
        kind = failure.failure_class
        if failure.retry is Retry.INFRASTRUCTURE:
            await self._hand_back(attempt)
            raise _waiting(failure)
        if failure.retry is Retry.ENGINE and item.engine_failures + 1 < ENGINE_ATTEMPTS:
            async with self._database.write() as session:
                await Ledger(session).hand_back([attempt.as_it_is], engine_failure=True)
            raise _benign(failure.message, kind, pause=failure.pause)
        settlement = Settlement(
            outcome=Outcome.FAILED,
            failure_class=kind,
            failure_message=failure.message,
            failure_phase=failure.phase,
            engine=failure.engine,
            engine_version=failure.engine_version,
            cleaned_attempts=attempt.cleaned,
        )
        if isinstance(failure, IncompleteError):
            settlement = replace(failure.settlement, cleaned_attempts=item.attempt)
        await self._settle(item, settlement)
        log.info("item.failed", failure_class=kind, reason=failure.message, **_names(item))
        raise _benign(f"{failure.message} {failure.hint}".strip(), kind, final=True)

    async def _settle(self, item: ClaimedItem, settlement: Settlement) -> Outcome:
        if not await self._settled(item, settlement):
            raise _stale()
        return settlement.outcome

    async def _settled(self, item: ClaimedItem, settlement: Settlement) -> bool:
        """Record an outcome; return False if the attempt was stale."""
        settled = await self._items.settle(item, settlement)
        if settlement.result is not None and settlement.result.object_prefix in settled.unnamed:
            await delete_result(self._store, settlement.result.object_prefix)
        held = item.position in settled.positions
        if held and settlement.outcome is not Outcome.CANCELLED:
            await self._engines.forget(item)  # `abandon` decides for cancelled items
        return held

    async def _stop(self, attempt: Attempt) -> None:
        """Record a cancel of the batch as outcome; on a worker shutdown, hand the item back."""
        item = attempt.item
        details = activity.cancellation_details()
        if details is not None and details.cancel_requested:
            await self._engines.abandon(item)
            cancelled = Settlement(
                outcome=Outcome.CANCELLED,
                failure_class=FailureClass.CANCELLED,
                cleaned_attempts=attempt.cleaned,  # the batch's end deletes partly stored objects
            )
            await self._settled(item, cancelled)
        else:
            await self._hand_back(attempt)

    async def _hand_back(self, attempt: Attempt) -> None:
        """Hand the item back; if that fails, the next claim by this worker recovers it."""
        try:
            async with self._database.write() as session:
                await Ledger(session).hand_back([attempt.as_it_is])
        except UnavailableError:
            log.warning("item.not_handed_back", **_names(attempt.item))


def _incomplete(breach: ItemFailure, sha256: str, made: NewResult | Result) -> Settlement:
    """Return the settlement of an item whose result its batch does not accept."""
    return Settlement(
        outcome=Outcome.FAILED,
        sha256=sha256,
        failure_class=breach.failure_class,
        failure_message=breach.message,
        failure_phase=breach.phase,
        pages_total=made.pages_total,
        pages_ok=made.pages_ok,
        pages_failed=made.pages_failed,
        engine=made.engine,
        engine_version=made.engine_version,
        warnings=made.warnings,
    )


def _names(item: ClaimedItem) -> dict[str, object]:
    """Return the fields of an item for log events."""
    return {"batch_id": item.batch_id, "item_id": item.item_id, "attempt": item.attempt}


def _benign(
    message: str, kind: FailureClass, *, final: bool = False, pause: float | None = None
) -> ApplicationError:
    """Return the error of a failed file: it shows in the Temporal UI, but not in the log."""
    return ApplicationError(
        message,
        type=kind,
        non_retryable=final,
        next_retry_delay=None if pause is None else timedelta(seconds=pause),
        category=ApplicationErrorCategory.BENIGN,
    )


def _stale() -> ApplicationError:
    """Return the error of a stale attempt. The next try finds the outcome, or waits for it."""
    return ApplicationError("A newer attempt holds this item.", type="StaleAttempt")


def _being_made() -> ApplicationError:
    """Return the error for a retry soon. The item waits without a slot, and no budget is used."""
    return ApplicationError(
        "A file with the same bytes is being processed; both files will share its result.",
        type="SameBytes",
        next_retry_delay=SAME_BYTES_PAUSE,
        category=ApplicationErrorCategory.BENIGN,
    )


def _waiting(error: Exception) -> ApplicationError:
    """Return the error for an unavailable resource. The next try follows after a delay."""
    message = error.message if isinstance(error, DocmillError) else str(error.args[-1:])
    log.warning("item.waiting", reason=message)
    pause = error.pause if isinstance(error, UnavailableError | ItemFailure) else None
    return ApplicationError(
        bounded(message),
        type="Waiting",
        next_retry_delay=None if pause is None else timedelta(seconds=pause),
    )
