"""Conversion of database rows to v1 response models."""

from docmill.api.beta_batch.parameters import without_secrets
from docmill.api.beta_batch.schemas import V1BatchView, V1ItemView, V1ProcessingResult
from docmill.contracts.words import BatchStatus, ItemStatus, Tally, V1Status
from docmill.objects.results import RESULT_FILE, result_key
from docmill.records.items import ItemRow
from docmill.records.results import Processed
from docmill.records.tables.batches import Batch


def batch_view(batch: Batch, counts: Tally) -> V1BatchView:
    """Return a batch with its current counts."""
    status = BatchStatus(batch.status)
    return V1BatchView(
        id=batch.id,
        project_id=batch.project_id,
        job_type=batch.job_type,
        status=V1Status.of(status),
        total_items=batch.total,
        processed_items=counts.completed,
        failed_items=counts.failed,
        skipped_items=counts.skipped,
        directory_id=batch.directory_id,
        workflow_id=batch.id,
        error_message=batch.reason if status is BatchStatus.FAILED else None,
        created_at=batch.created_at,
        updated_at=batch.updated_at,
        started_at=batch.started_at,
        completed_at=batch.ended_at,
        effective_at=batch.created_at,
    )


def progress(batch: Batch, counts: Tally) -> float:
    """Return the percentage of items with an outcome, 0 to 100."""
    if BatchStatus(batch.status) is BatchStatus.COMPLETED or not batch.total:
        return 100.0 if BatchStatus(batch.status).terminal else 0.0
    return round(min(100.0, 100.0 * counts.accounted / batch.total), 2)


def item_view(row: ItemRow) -> V1ItemView:
    """Return one file of a batch."""
    return V1ItemView(
        item_id=row.item_id,
        item_name=row.name,
        status=ItemStatus(row.status),
        job_id=row.job_id,
        skip_reason=row.skip_reason,
        error_message=row.failure_message,
        started_at=row.started_at,
        completed_at=row.finished_at,
        warnings=row.warnings,
    )


def processed_view(one: Processed, store: str) -> V1ProcessingResult:
    """Return one result of a file; paths are object keys, never local paths."""
    return V1ProcessingResult(
        result_id=one.result_id,
        item_id=one.item_id,
        job_type=one.job_type,
        job_config=without_secrets(one.config),  # earlier versions stored some secrets
        parameters_hash=one.parameters_hash,
        output_s3_path=f"{store.rstrip('/')}/{result_key(one.object_prefix, RESULT_FILE)}",
        processed_at=one.processed_at,
    )
