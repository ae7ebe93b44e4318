"""Creates batches: freezes the listing, snapshots the parameters, inserts the row. Idempotent."""

from collections.abc import Sequence
from typing import Any

from docmill.batches.scan import scan_source
from docmill.contracts.batches import BatchSpec
from docmill.contracts.names import (
    DEFAULT_CONTINUE_AS_NEW_THRESHOLD,
    DEFAULT_PAGE_SIZE,
    GROUPED_CONTINUE_AS_NEW_THRESHOLD,
    MAX_PAGE_SIZE,
)
from docmill.contracts.warnings import strict_codes
from docmill.engines.choice import engine_of
from docmill.errors import UsageError
from docmill.ids import Prefix, new_id
from docmill.objects.places import place_of
from docmill.parameters import effective_parameters, job_parameters, parameters_hash
from docmill.records.batches import Batches, EntryVersion
from docmill.records.configurations import Configurations, preset
from docmill.records.database import Database, Session
from docmill.records.directories import Directories
from docmill.records.tables.api import WebhookTarget
from docmill.records.tables.batches import Batch
from docmill.records.tables.sources import Directory
from docmill.records.webhooks import Webhooks
from docmill.settings import Settings
from docmill.sources.choice import resolve_source

Listing = Directory | Sequence[EntryVersion]
"""The listing of a batch: the current state of a directory, or versions of directory files."""


async def create_batch(
    database: Database, settings: Settings, spec: BatchSpec, **fields: Any
) -> tuple[Batch, bool]:
    """Create the batch of ``spec``, and return it and whether it is new.

    A second call with the same id or identity returns the existing batch unchanged.

    Args:
        database: of the records.
        settings: for defaults and for folders that a listing excludes.
        spec: of the batch.
        fields: further columns of `Batch`: ``id``, ``api``, ``name``, ``identity``,
            ``identity_number``, ``configuration_id``, ``config``, ``out``.

    Raises:
        UsageError: the source is missing or ambiguous, a parameter is invalid, or no engine is
            configured for the job.
        NotFoundError: the directory or an item does not exist in this project.
    """
    if sum(map(bool, (spec.source_directory_id, spec.folder, spec.item_ids))) != 1:
        raise UsageError(
            "A batch needs exactly one source.",
            "Give one of source_directory_id, folder or item_ids.",
        )
    effective_parameters(spec.job.type, spec.job.parameters)  # reject them before a long scan
    listing: Listing | None = await _scanned(database, settings, spec) if spec.folder else None
    async with database.write() as session:
        if listing is None:
            listing = await _named(session, spec)
        return await insert_batch(session, settings, spec, listing, **fields)


async def insert_batch(
    session: Session,
    settings: Settings,
    spec: BatchSpec,
    listing: Listing,
    *,
    targets: Sequence[WebhookTarget] = (),
    **fields: Any,
) -> tuple[Batch, bool]:
    """Insert a batch with its listing and its webhooks in the caller's transaction.

    Args:
        session: of a write transaction.
        settings: for defaults.
        spec: of the batch; its source is ``listing``.
        listing: read in the same transaction.
        targets: its webhook endpoints.
        fields: as for `create_batch`.

    Returns:
        The row, and whether it is new; an existing id or identity returns the existing row.

    Raises:
        UsageError: a parameter is invalid, or no engine is configured for the job.
        NotFoundError: the parse configuration in a parameter does not exist.
    """
    parameters = await _parameters(session, spec)
    directory = listing if isinstance(listing, Directory) else None
    entry_versions = () if isinstance(listing, Directory) else listing
    shared = spec.items_per_activity or settings.items_per_activity
    grouped = shared != 1
    batch = Batch(
        id=fields.pop("id", None) or new_id(Prefix.BATCH),
        project_id=spec.project_id,
        job_type=spec.job.type,
        directory_id=directory.id if directory else None,
        watermark=directory.watermark if directory else None,
        total=directory.live_count if directory else len(entry_versions),
        left_out=directory.left_out if directory else None,
        parameters=parameters,
        parameters_hash=parameters_hash(parameters),
        engine=engine_of(spec.job.type, parameters, settings),
        page_size=spec.page_size or (MAX_PAGE_SIZE if grouped else DEFAULT_PAGE_SIZE),
        continue_as_new_threshold=spec.continue_as_new_threshold
        or (GROUPED_CONTINUE_AS_NEW_THRESHOLD if grouped else DEFAULT_CONTINUE_AS_NEW_THRESHOLD),
        items_per_activity=None if shared == "auto" else shared,
        concurrency=spec.concurrency or settings.concurrency,
        max_failures=spec.max_failures,
        max_failure_rate=spec.max_failure_rate,
        strict=list(strict_codes(settings.strict if spec.strict is None else spec.strict)) or None,
        **fields,
    )
    await Webhooks(session).add_targets(targets)
    created, is_new = await Batches(session).create(batch)
    if is_new:
        await Batches(session).add_listing(created.id, entry_versions)
    return created, is_new


async def _parameters(session: Session, spec: BatchSpec) -> dict[str, Any]:
    """Return the effective parameters, including those of a parse configuration that they name.

    Raises:
        UsageError: a parameter is invalid, or the configuration belongs to another product.
        NotFoundError: the project has no such configuration.
    """
    parameters = effective_parameters(spec.job.type, spec.job.parameters)
    identifier = parameters.get("parse_config_id")
    if identifier is None or "parse_parameters" in parameters:
        return parameters
    found = preset(identifier)
    if found is None:
        found = await Configurations(session).get(spec.project_id, identifier)
    if found.product_type != "parse_v2":
        raise UsageError(
            f"{identifier} configures {found.product_type}, not parse_v2.",
            "Name a configuration of parse_v2 as parse_config_id.",
        )
    read_by = {"parse_parameters": job_parameters(found.parameters)}
    return effective_parameters(spec.job.type, parameters | read_by)


async def _scanned(database: Database, settings: Settings, spec: BatchSpec) -> Directory:
    source = resolve_source(
        place_of(str(spec.folder)),
        recursive=spec.recursive,
        include=spec.include,
        exclude=spec.exclude,
        leave_out=(settings.home,),
        follow_links=spec.follow_links,
    )
    return (await scan_source(database, spec.project_id, source))[0]


async def _named(session: Session, spec: BatchSpec) -> Listing:
    if spec.source_directory_id:
        return await Directories(session).get(spec.project_id, spec.source_directory_id)
    return await Batches(session).entry_versions(spec.project_id, spec.item_ids)
