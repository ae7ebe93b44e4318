"""Received bytes on their way into the store."""

from docmill.api.services import Services
from docmill.api.uploads import Upload
from docmill.records.tables import File


async def store_upload(
    services: Services,
    project_id: str,
    upload: Upload,
    file_id: str,
    *,
    external_file_id: str | None = None,
    purpose: str | None = None,
) -> File:
    """Put the bytes into the store and return a row, not yet saved, that names them.

    The same bytes have the same key in a project, so that storing them again costs nothing, and
    bytes whose row was never written are found by the next attempt.
    """
    key = f"files/{project_id}/{upload.sha256[:2]}/{upload.sha256}"
    if await services.store.size(key) != upload.size:
        await services.store.put_file(key, upload.path)
    return File(
        id=file_id,
        project_id=project_id,
        name=upload.name,
        size=upload.size,
        sha256=upload.sha256,
        object_key=key,
        content_type=upload.content_type,
        external_file_id=external_file_id,
        purpose=purpose,
    )
