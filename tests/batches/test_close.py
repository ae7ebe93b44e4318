"""Outcomes are compared with the listing before a batch ends; no item is dropped."""

from pathlib import Path

import pytest
from sqlalchemy import delete, update
from temporalio import activity
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from docmill.contracts import names
from docmill.contracts.batches import (
    BatchInput,
    BatchResult,
    CloseRequest,
    OpenedBatch,
    OpenRequest,
)
from docmill.contracts.items import Page, PageRequest
from docmill.contracts.words import BatchStatus, JobType, Tally
from docmill.records.tables.base import now
from docmill.records.tables.batches import BatchItem
from tests.fixtures.mill import Mill, write_texts
from workflows.batch import BatchWorkflow


async def test_item_without_an_outcome_is_processed_before_the_batch_closes(
    mill: Mill, tmp_path: Path
) -> None:
    batch = await mill.start(write_texts(tmp_path / "in", 12), page_size=4, concurrency=1)
    async with mill.worker():
        await mill.until_progress(batch, lambda now: now.processed >= 4)
        await mill.service.pause(batch)
        await mill.until_progress(batch, lambda now: now.in_flight == 0)
        async with mill.database.write() as session:
            for position, change in (
                (1, delete(BatchItem)),
                (2, update(BatchItem).values(status="pending")),
            ):
                await session.execute(
                    change.where(BatchItem.batch_id == batch.id, BatchItem.position == position)
                )
        await mill.service.resume(batch)
        result = await mill.client.result(batch.id)
    assert (result.status, result.tally.completed + result.tally.skipped) == ("COMPLETED", 12)
    assert set((await mill.outcomes(batch)).values()) <= {"completed", "skipped"}


async def test_batch_that_cannot_account_for_every_file_fails_and_names_the_files(
    time_skipping_server: WorkflowEnvironment,
) -> None:
    """A ledger that stays wrong cannot be had with the real parts; here the answers say so."""
    closed: list[str] = []

    @activity.defn(name=names.OPEN_BATCH)
    async def open_batch(request: OpenRequest) -> OpenedBatch:
        return OpenedBatch(
            project_id="prj-1",
            directory_id=None,
            job_type=JobType.PARSE,
            total=1,
            page_size=10,
            continue_as_new_threshold=10,
            concurrency=1,
            epoch=1,
            item_timeout_seconds=60,
            started_at=now(),
        )

    @activity.defn(name=names.NEXT_PAGE)
    async def next_page(request: PageRequest) -> Page:
        return Page(cursor=request.after, more=False)

    @activity.defn(name=names.CLOSE_BATCH)
    async def close_batch(request: CloseRequest) -> BatchResult:
        closed.append(request.ending)
        missing = () if request.ending is BatchStatus.FAILED else ("lost.pdf",)
        return BatchResult(
            batch_id=request.batch_id,
            status=BatchStatus.FAILED,
            total=1,
            tally=Tally(),
            unaccounted=missing,
        )

    client = time_skipping_server.client
    async with Worker(
        client,
        task_queue="accounting",
        workflows=[BatchWorkflow],
        activities=[open_batch, next_page, close_batch],
    ):
        with pytest.raises(WorkflowFailureError) as raised:
            await client.execute_workflow(
                names.BATCH_WORKFLOW,
                BatchInput(batch_id="bat-lost"),
                id="bat-lost",
                task_queue="accounting",
            )
    assert isinstance(raised.value.cause, ApplicationError)
    assert "lost.pdf" in raised.value.cause.message
    assert closed == ["COMPLETED"] * 4 + ["FAILED"]
