"""Redrives of ended batches: items that did not complete run again, in the same ledger."""

from docmill.contracts.batches import RedriveRequest
from docmill.contracts.warnings import strict_codes
from docmill.contracts.words import BatchStatus, JobType, SkipReason
from docmill.engines.choice import engine_of
from docmill.errors import ConflictError, FailureClass, UsageError
from docmill.parameters import effective_parameters, parameters_hash
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.redrives import Redrives
from docmill.records.tables.batches import Batch
from docmill.settings import Settings

CHUNK = 2_000
"""Items of one transaction, so that other writers do not wait long."""

GROUPS = (*FailureClass, SkipReason.SIZE_LIMIT_EXCEEDED)
"""Values of `RedriveRequest.only`."""


async def redrive_batch(
    database: Database,
    settings: Settings,
    project_id: str | None,
    batch_id: str,
    request: RedriveRequest,
    *,
    asked_by: str | None = None,
) -> Batch:
    """Increment the epoch of an ended batch and make it pending; the caller starts it.

    Items that completed, or had been processed before, keep their results. The others run with
    the parameters of the redrive, and their results are cached with these parameters.

    Args:
        database: of the ledger.
        settings: for the configured engines.
        project_id: the batch's project; None searches all projects.
        batch_id: the batch.
        request: which items, and with which parameters.
        asked_by: the workflow run of the request; a repeated call has no effect.

    Raises:
        NotFoundError: the batch does not exist.
        ConflictError: it has not ended, or it has no items to run.
        UsageError: the failure class or a parameter is invalid.
    """
    if request.only is not None and request.only not in GROUPS:
        raise UsageError(
            f"There is no failure class {request.only}.", f"Use one of {', '.join(GROUPS)}."
        )
    async with database.write() as session:
        batch = await Batches(session).get(project_id, batch_id)
        if asked_by is not None and batch.redriven_by == asked_by:
            return batch
        if not BatchStatus(batch.status).terminal:
            raise _running(batch)
        redrives = Redrives(session)
        if not await redrives.has_work(batch, request.only):
            raise ConflictError(
                f"Nothing of the batch {batch.id} is left to run"
                + (f" that failed as {request.only}." if request.only else "."),
                "See its failures, or start a new batch.",
            )
        changes = _parameters(batch, request, settings)
        if request.strict is not None:
            changes["strict"] = list(strict_codes(request.strict)) or None
        if not await redrives.begin(batch, request.only, redriven_by=asked_by, **changes):
            raise _running(batch)
        return await Batches(session).get(project_id, batch_id)


async def reset_items(database: Database, batch_id: str) -> None:
    """Make the items of the current redrive pending; a repeated call continues.

    A batch without a redrive, or with a cancel request, is not changed.
    """
    async with database.read(short=True) as session:
        batch = await Batches(session).get(None, batch_id)
    if batch.epoch == 1 or batch.cancel_requested or batch.started_at is not None:
        return
    while True:
        async with database.write() as session:
            if not await Redrives(session).reset_items(batch, CHUNK):
                await Redrives(session).record_settled(batch)
                return


def _parameters(batch: Batch, request: RedriveRequest, settings: Settings) -> dict[str, object]:
    """Return the columns that the parameters of the redrive change."""
    if not request.parameters and request.configuration_id is None:
        return {}
    job_type = JobType(batch.job_type)
    parameters = effective_parameters(job_type, batch.parameters | request.parameters)
    named = request.parameters.get("engine")
    return {
        "parameters": parameters,
        "parameters_hash": parameters_hash(parameters),
        "engine": engine_of(job_type, parameters, settings) if named else batch.engine,
        "configuration_id": request.configuration_id or batch.configuration_id,
    }


def _running(batch: Batch) -> ConflictError:
    return ConflictError(
        f"The batch {batch.id} has not ended.", "Wait until it has, or cancel it first."
    )
