"""Routes of directory files."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError

from docmill.api.core.errors import FieldError
from docmill.api.core.idempotency import CurrentIdempotency, deleted_object_error
from docmill.api.core.limits import UploadLimit
from docmill.api.core.pagination import decode_token, page
from docmill.api.core.scope import CurrentScope
from docmill.api.core.services import CurrentServices, Services
from docmill.api.core.uploads import UPLOAD_BYTES, Upload, form_body, receive_upload, stored_upload
from docmill.api.core.wire import CursorPage, PageSize, Text, UtcTime, page_limit, storable_tree
from docmill.api.directories.schemas import (
    BulkDelete,
    DirectoryFileAttach,
    DirectoryFileForm,
    DirectoryFileUpdate,
    DirectoryFileView,
)
from docmill.api.jobs.documents import find_upload
from docmill.errors import NotFoundError
from docmill.ids import Prefix, new_id
from docmill.records.directories import Directories
from docmill.records.directory_files import DirectoryFiles
from docmill.records.files import Files
from docmill.records.tables.sources import DirectoryFile

router = APIRouter(prefix="/api/v1/beta/directories/{directory_id}/files", tags=["directory files"])

DirectoryFileExpand = Literal["download_url"]
_PARTS = ["display_name", "unique_id", "external_file_id", "metadata"]


def view(row: DirectoryFile) -> DirectoryFileView:
    """Return a directory file as a response model."""
    return DirectoryFileView(
        id=row.id,
        directory_id=row.directory_id,
        project_id=row.project_id,
        unique_id=row.unique_id,
        display_name=row.display_name,
        file_id=row.file_id,
        metadata=row.file_metadata,
        created_at=row.created_at,
        updated_at=row.updated_at,
        deleted_at=row.deleted_at,
    )


def _with_link(
    services: Services, request: Request, row: DirectoryFile, expand: Any
) -> DirectoryFileView:
    answer = view(row)
    if expand and row.file_id is not None:
        answer.download_url = services.links.make(
            request, row.project_id, "directory-files", row.id
        )
    return answer


@router.post(
    "/upload",
    status_code=201,
    max_body_size=UPLOAD_BYTES,
    openapi_extra=form_body("upload_file", required=[], optional=_PARTS),
)
async def upload_directory_file(
    services: CurrentServices,
    scope: CurrentScope,
    idempotency: CurrentIdempotency,
    request: Request,
    directory_id: str,
) -> DirectoryFileView:
    """Upload a file into a directory.

    The same bytes under the same ``unique_id`` change nothing; other bytes become a new version
    with the same id.
    """
    async with services.database.read() as session:
        await Directories(session).get(scope.project_id, directory_id)
    limit = UploadLimit.of(services.settings, services.limits)
    async with receive_upload(request, "upload_file", services.scratch, limit) as upload:
        return view(await _list_upload(services, scope, idempotency, directory_id, upload))


async def _list_upload(
    services: Services,
    scope: CurrentScope,
    idempotency: CurrentIdempotency,
    directory_id: str,
    upload: Upload,
) -> DirectoryFile:
    form = _form(upload.fields)
    external = form.external_file_id
    unique_id = form.unique_id or external or upload.name
    names: dict[str, Any] = {
        "unique_id": unique_id,
        "display_name": form.display_name,
        "metadata": form.metadata,
    }
    requested = {"directory": directory_id, "sha": upload.sha256, **names}
    project_id = scope.project_id
    async with (
        stored_upload(services, project_id, upload, external_file_id=external) as file,
        services.database.write() as session,
    ):
        entries = DirectoryFiles(session)
        if made := await idempotency.before(session, requested):
            return await _existing(entries, project_id, directory_id, made)
        known = await entries.list(project_id, directory_id, unique_id=unique_id, limit=1)
        if not (known.items and known.items[0].sha256 == upload.sha256):
            file.id = new_id(Prefix.FILE)
            file, _ = await Files(session).create(file)  # noqa: PLW2901 - the saved one
        entry = await entries.attach(project_id, directory_id, file, **names)
        if idempotency.keyed:  # without a key the unique id makes the request idempotent
            await idempotency.claim(session, requested, entry.id)
        return entry


async def _existing(
    entries: DirectoryFiles, project_id: str, directory_id: str, item_id: str
) -> DirectoryFile:
    """Return the directory file that an earlier request with the same key created.

    Raises:
        NotFoundError: it was deleted.
    """
    try:
        return await entries.get(project_id, directory_id, item_id)
    except NotFoundError:
        raise deleted_object_error(item_id) from None


def _form(fields: Mapping[str, str]) -> DirectoryFileForm:
    """Return the text parts of the form; ``metadata`` is a JSON object as a string."""
    given: dict[str, Any] = {name: fields[name] for name in _PARTS if fields.get(name)}
    try:
        if "metadata" in given:
            given["metadata"] = json.loads(given["metadata"])
            storable_tree(given["metadata"])
        return DirectoryFileForm.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise FieldError(first["msg"], "body", *first["loc"][:1]) from None
    except (ValueError, RecursionError):
        raise FieldError(
            "Must be a JSON object of strings, numbers, booleans, nulls and lists of strings.",
            "body",
            "metadata",
        ) from None


@router.post("/bulk-delete", status_code=204)
async def bulk_delete(
    services: CurrentServices, scope: CurrentScope, directory_id: str, body: BulkDelete
) -> None:
    """Delete files from a directory, all or none; all must belong to it."""
    async with services.database.write() as session:
        await DirectoryFiles(session).bulk_delete(
            scope.project_id, directory_id, body.directory_file_ids
        )


@router.post("", status_code=201)
async def attach_file(
    services: CurrentServices, scope: CurrentScope, directory_id: str, body: DirectoryFileAttach
) -> DirectoryFileView:
    """Add an uploaded file to a directory; repeating the request changes nothing."""
    async with services.database.write() as session:
        file = await find_upload(session, scope.project_id, body.file_id)
        row = await DirectoryFiles(session).attach(
            scope.project_id,
            directory_id,
            file,
            unique_id=body.unique_id,
            display_name=body.display_name,
            metadata=body.metadata,
        )
        return view(row)


@router.get("")
async def list_directory_files(
    services: CurrentServices,
    scope: CurrentScope,
    request: Request,
    directory_id: str,
    *,
    display_name: Annotated[Text | None, Query()] = None,
    display_name_contains: Annotated[Text | None, Query()] = None,
    unique_id: Annotated[Text | None, Query()] = None,
    file_id: Annotated[Text | None, Query()] = None,
    include_deleted: Annotated[bool, Query()] = False,
    updated_at_on_or_after: Annotated[UtcTime | None, Query()] = None,
    updated_at_on_or_before: Annotated[UtcTime | None, Query()] = None,
    expand: Annotated[list[DirectoryFileExpand] | None, Query()] = None,
    page_size: Annotated[PageSize, Query()] = None,
    page_token: Annotated[Text | None, Query()] = None,
) -> CursorPage[DirectoryFileView]:
    """List the files of a directory, oldest first; both times are inclusive."""
    filters: dict[str, Any] = {
        "display_name": display_name,
        "display_name_contains": display_name_contains,
        "unique_id": unique_id,
        "file_id": file_id,
        "include_deleted": include_deleted,
        "updated_from": updated_at_on_or_after,
        "updated_to": updated_at_on_or_before,
    }
    bound = {**filters, "directory_id": directory_id}
    async with services.database.read() as session:
        await Directories(session).get(scope.project_id, directory_id)
        found = await DirectoryFiles(session).list(
            scope.project_id,
            directory_id,
            limit=page_limit(page_size),
            cursor=decode_token(page_token, scope.project_id, bound),
            **filters,
        )
    return page(
        found, lambda row: _with_link(services, request, row, expand), scope.project_id, bound
    )


@router.get("/{directory_file_id}")
async def get_directory_file(
    services: CurrentServices,
    scope: CurrentScope,
    request: Request,
    directory_id: str,
    directory_file_id: str,
    *,
    expand: Annotated[list[DirectoryFileExpand] | None, Query()] = None,
) -> DirectoryFileView:
    """One file of a directory."""
    async with services.database.read() as session:
        row = await DirectoryFiles(session).get(scope.project_id, directory_id, directory_file_id)
    return _with_link(services, request, row, expand)


@router.patch("/{directory_file_id}")
async def update_directory_file(
    services: CurrentServices,
    scope: CurrentScope,
    directory_id: str,
    directory_file_id: str,
    body: DirectoryFileUpdate,
) -> DirectoryFileView:
    """Change the names or the metadata, or move the file to another directory."""
    async with services.database.write() as session:
        return view(
            await DirectoryFiles(session).update(
                scope.project_id, directory_id, directory_file_id, **_changes(body)
            )
        )


def _changes(body: DirectoryFileUpdate) -> dict[str, Any]:
    """Return the changed columns; null clears the metadata."""
    changes = body.model_dump(exclude_none=True)
    if "metadata" in body.model_fields_set:
        changes["metadata"] = body.metadata or {}
    return changes


@router.delete("/{directory_file_id}", status_code=204)
async def delete_directory_file(
    services: CurrentServices, scope: CurrentScope, directory_id: str, directory_file_id: str
) -> None:
    """Delete a file from a directory; batches that listed it keep it."""
    async with services.database.write() as session:
        await DirectoryFiles(session).delete(scope.project_id, directory_id, directory_file_id)
