"""Routes of Docmill's own: directories over folders and buckets, and their synchronization."""

import asyncio

from fastapi import APIRouter

from docmill.api.core.errors import FieldError
from docmill.api.core.scope import CurrentScope
from docmill.api.core.services import CurrentServices, Services
from docmill.api.directories.schemas import (
    BucketSourceCreate,
    DirectoryView,
    FolderSourceCreate,
    LeftOutView,
    SourceDirectoryCreate,
    SyncSummary,
)
from docmill.batches.scan import scan_source
from docmill.errors import ConflictError, UsageError
from docmill.objects.places import BucketUrl, Place, place_of
from docmill.records.directories import Directories
from docmill.settings import Settings
from docmill.sources.base import Source
from docmill.sources.choice import resolve_source, source_of

router = APIRouter(prefix="/api/docmill/v1/directories", tags=["Docmill: sources"])


@router.post("", status_code=201)
async def create_source_directory(
    services: CurrentServices, scope: CurrentScope, body: SourceDirectoryCreate
) -> DirectoryView:
    """Create a directory over a folder or a bucket below an allowed root, and list its files.

    The same source is the same directory, so the request is safe to repeat.
    """
    source = await asyncio.to_thread(_resolve, services.settings, body.source)
    async with services.database.write() as session:
        directory = await Directories(session).find_or_create_source(
            scope.project_id, body.name, source.as_json()
        )
    await _sync(services, scope.project_id, source)
    return DirectoryView.model_validate(directory)


@router.post("/{directory_id}/sync")
async def sync_directory(
    services: CurrentServices, scope: CurrentScope, directory_id: str
) -> SyncSummary:
    """List the source again; the directory changes atomically when the listing is complete."""
    async with services.database.read() as session:
        directory = await Directories(session).get(scope.project_id, directory_id)
    if directory.source is None:
        raise ConflictError(f"The directory {directory_id} has no source to list.")
    source = source_of(directory.source)
    await asyncio.to_thread(_check_root, services.settings, place_of(source.location))
    return await _sync(services, scope.project_id, source)


async def _sync(services: Services, project_id: str, source: Source) -> SyncSummary:
    directory, summary = await scan_source(services.database, project_id, source)
    return SyncSummary(
        directory_id=directory.id,
        total=summary.total,
        new=summary.new,
        changed=summary.changed,
        vanished_count=summary.vanished_count,
        vanished=list(summary.vanished),
        left_out={
            reason: LeftOutView.model_validate(entry)
            for reason, entry in (summary.left_out or {}).items()
        },
    )


def _resolve(settings: Settings, asked: FolderSourceCreate | BucketSourceCreate) -> Source:
    place: Place = asked.folder if isinstance(asked, FolderSourceCreate) else _parse(asked.bucket)
    return resolve_source(
        _check_root(settings, place),
        recursive=asked.recursive,
        include=tuple(asked.include),
        exclude=tuple(asked.exclude),
        leave_out=(settings.home,),
        follow_links=isinstance(asked, FolderSourceCreate) and asked.follow_links,
    )


def _parse(bucket: str) -> BucketUrl:
    try:
        return BucketUrl.parse(bucket)
    except UsageError as error:
        raise FieldError(error.message, "body", "source", "bucket", hint=error.hint) from None


def _check_root(settings: Settings, place: Place) -> Place:
    """Return the place, of a folder the real one, if it is below an allowed root.

    Raises:
        FieldError: it is not. The error is the same whether or not the place exists.
    """
    if isinstance(place, BucketUrl):
        urls = map(BucketUrl.parse, settings.source_buckets)
        if not any(place.below(url) is not None for url in urls):
            raise FieldError(
                "The bucket is not below an allowed URL.",
                "body",
                "source",
                "bucket",
                hint="Name it in DOCMILL_SOURCE_BUCKETS.",
            )
        return place
    try:
        real = place.resolve(strict=True)
    except (OSError, RuntimeError):
        real = None
    roots = [root.resolve() for root in settings.source_roots]
    allowed = real is not None and any(real.is_relative_to(root) for root in roots)
    if real is None or not allowed or not real.is_dir():
        raise FieldError(
            "The folder is not below an allowed root.",
            "body",
            "source",
            "folder",
            hint="Name its root in DOCMILL_SOURCE_ROOTS.",
        )
    return real
