"""Received bytes on their way into the store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from docmill.api.services import Services
from docmill.api.uploads import Upload
from docmill.objects.documents import keep_document
from docmill.records.tables import File


@asynccontextmanager
async def stored_upload(
    services: Services,
    project_id: str,
    upload: Upload,
    *,
    external_file_id: str | None = None,
    purpose: str | None = None,
) -> AsyncIterator[File]:
    """Put the bytes into the store and yield a row without an id, for the caller to save."""
    what = (project_id, upload.sha256, upload.size, upload.path)
    key = await keep_document(services.store, *what)
    yield File(
        project_id=project_id,
        name=upload.name,
        size=upload.size,
        sha256=upload.sha256,
        object_key=key,
        content_type=upload.content_type,
        external_file_id=external_file_id,
        purpose=purpose,
    )
    await keep_document(services.store, *what)
