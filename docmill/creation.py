"""Making a batch row: the listing frozen, the parameters snapshotted, safe to repeat."""

from pathlib import Path
from typing import Any

from docmill.choosing import engine_of
from docmill.contracts import BatchSpec
from docmill.errors import UsageError
from docmill.ids import Prefix, new_id
from docmill.parameters import effective_parameters, parameters_hash
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.directories import Directories
from docmill.records.tables import Batch, Directory
from docmill.scanning import scan_folder
from docmill.settings import Settings
from docmill.sources.folder import FolderSource


async def create_batch(
    database: Database, settings: Settings, spec: BatchSpec, **fields: Any
) -> tuple[Batch, bool]:
    """Create the batch that ``spec`` describes, and say whether it is new.

    Creating it again with the same id or identity returns the first one untouched.

    Args:
        database: where the row goes.
        settings: defaults, and folders that a listing leaves out.
        spec: source, job and pace.
        fields: further columns of `Batch`: ``id``, ``api``, ``name``, ``identity``,
            ``identity_number``, ``configuration_id``, ``config``.

    Raises:
        UsageError: the source is missing or ambiguous, a parameter is wrong, or no engine is
            configured for the job.
        NotFoundError: the directory or an item does not exist in this project.
    """
    parameters = effective_parameters(spec.job.type, spec.job.parameters)
    batch = Batch(
        id=fields.pop("id", None) or new_id(Prefix.BATCH),
        project_id=spec.project_id,
        job_type=spec.job.type,
        parameters=parameters,
        parameters_hash=parameters_hash(parameters),
        engine=engine_of(spec.job.type, parameters, settings),
        page_size=spec.page_size,
        continue_as_new_threshold=spec.continue_as_new_threshold,
        concurrency=spec.concurrency or settings.concurrency,
        **fields,
    )
    directory = await _directory(database, settings, spec)
    async with database.write() as session:
        if directory is not None:
            batch.directory_id = directory.id
            batch.watermark = directory.watermark
            batch.total = directory.live_count
        else:
            batch.total = len(spec.item_ids)
        created, is_new = await Batches(session).create(batch)
        if is_new and directory is None:
            await Batches(session).add_listing(created.id, spec.item_ids)
        return created, is_new


async def _directory(database: Database, settings: Settings, spec: BatchSpec) -> Directory | None:
    """Return the directory that the batch lists; None when it names its items itself."""
    if sum(map(bool, (spec.source_directory_id, spec.folder, spec.item_ids))) != 1:
        raise UsageError(
            "A batch needs exactly one source.",
            "Give one of source_directory_id, folder or item_ids.",
        )
    if spec.folder:
        source = FolderSource.resolve(
            Path(spec.folder),
            recursive=spec.recursive,
            include=spec.include,
            exclude=spec.exclude,
            leave_out=(settings.home,),
        )
        return (await scan_folder(database, spec.project_id, source))[0]
    if spec.source_directory_id:
        async with database.read() as session:
            return await Directories(session).get(spec.project_id, spec.source_directory_id)
    return None
