"""Routes of uploaded files."""

from datetime import timedelta
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Query, Request

from docmill.api.core.errors import FieldError
from docmill.api.core.idempotency import CurrentIdempotency, deleted_object_error
from docmill.api.core.limits import UploadLimit
from docmill.api.core.pagination import decode_token, page
from docmill.api.core.scope import CurrentScope, check_project
from docmill.api.core.services import CurrentServices, Services
from docmill.api.core.uploads import UPLOAD_BYTES, form_body, receive_upload, stored_upload
from docmill.api.core.wire import (
    MAX_IDS,
    MAX_NAME,
    CursorPage,
    PageSize,
    PresignedUrl,
    Text,
    page_limit,
)
from docmill.api.files.schemas import FileFilter, FileQuery, FileView, Purpose
from docmill.ids import Prefix, new_id
from docmill.records.files import FileOrder, Files
from docmill.records.link_keys import LONGEST_LINK
from docmill.records.tables.sources import File

router = APIRouter(prefix="/api/v1/beta/files", tags=["files"])

FileExpand = Literal["download_url"]
MAX_LINK_SECONDS = int(LONGEST_LINK.total_seconds())


def view(file: File) -> FileView:
    """Return a file as a response model."""
    answer = FileView.model_validate(file)
    answer.file_type = PurePosixPath(file.name).suffix.removeprefix(".").lower() or None
    answer.last_modified_at = file.created_at
    return answer


def with_link(services: Services, request: Request, file: File, expand: Any) -> FileView:
    """Return a file as a response model, with a download URL if ``expand`` requests it."""
    answer = view(file)
    if expand:
        answer.download_url = services.links.make(request, file.project_id, "files", file.id)
    return answer


@router.post(
    "",
    status_code=201,
    max_body_size=UPLOAD_BYTES,
    openapi_extra=form_body("file", required=["purpose"], optional=["external_file_id"]),
)
async def upload_file(
    services: CurrentServices,
    scope: CurrentScope,
    idempotency: CurrentIdempotency,
    request: Request,
) -> FileView:
    """Upload a file; its bytes are streamed to the object store."""
    limit = UploadLimit.of(services.settings, services.limits)
    async with receive_upload(request, "file", services.scratch, limit) as upload:
        purpose = upload.fields.get("purpose")
        if purpose not in get_args(Purpose):
            raise FieldError(f"Must be one of {', '.join(get_args(Purpose))}.", "body", "purpose")
        external = upload.fields.get("external_file_id")
        if external is not None and len(external) > MAX_NAME:
            raise FieldError(
                f"Must not be longer than {MAX_NAME} characters.", "body", "external_file_id"
            )
        requested = [upload.name, upload.sha256, purpose, external]
        async with (
            stored_upload(
                services,
                scope.project_id,
                upload,
                external_file_id=external,
                purpose=purpose,
            ) as file,
            services.database.write() as session,
        ):
            claim = await idempotency.claim(session, {"upload": requested}, new_id(Prefix.FILE))
            file.id = claim.object_id
            saved, _ = await Files(session).create(file)
            if saved.deleted_at is not None:
                raise deleted_object_error(saved.id)
    return view(saved)


@router.get("")
async def list_files(
    services: CurrentServices,
    scope: CurrentScope,
    request: Request,
    *,
    file_name: Annotated[Text | None, Query()] = None,
    file_ids: Annotated[list[Text] | None, Query(max_length=MAX_IDS)] = None,
    external_file_id: Annotated[Text | None, Query()] = None,
    order_by: Annotated[FileOrder, Query()] = "created_at",
    expand: Annotated[list[FileExpand] | None, Query()] = None,
    page_size: Annotated[PageSize, Query()] = None,
    page_token: Annotated[Text | None, Query()] = None,
) -> CursorPage[FileView]:
    """List files: newest first, or ascending by name or id."""
    filters: dict[str, Any] = {
        "name": file_name,
        "file_ids": file_ids,
        "external_file_id": external_file_id,
    }
    bound = {**filters, "order": order_by}
    async with services.database.read() as session:
        found = await Files(session).list(
            scope.project_id,
            limit=page_limit(page_size),
            cursor=decode_token(page_token, scope.project_id, bound),
            order=order_by,
            **filters,
        )
    return page(
        found, lambda file: with_link(services, request, file, expand), scope.project_id, bound
    )


@router.post("/query", deprecated=True)
async def query_files(
    services: CurrentServices, scope: CurrentScope, body: FileQuery
) -> CursorPage[FileView]:
    """List files by a filter in the body."""
    wanted = body.filter or FileFilter()
    check_project(scope, wanted.project_id)
    order = body.order_by or "created_at"
    filters: dict[str, Any] = {
        "name": wanted.file_name,
        "file_ids": wanted.file_ids,
        "external_file_id": wanted.external_file_id,
    }
    bound = {**filters, "order": order}
    async with services.database.read() as session:
        found = await Files(session).list(
            scope.project_id,
            limit=page_limit(body.page_size),
            cursor=decode_token(body.page_token, scope.project_id, bound),
            order=order,
            **filters,
        )
    return page(found, view, scope.project_id, bound)


@router.get("/{file_id}")
async def get_file(
    services: CurrentServices,
    scope: CurrentScope,
    request: Request,
    file_id: str,
    expand: Annotated[list[FileExpand] | None, Query()] = None,
) -> FileView:
    """Return one file."""
    async with services.database.read() as session:
        file = await Files(session).get(scope.project_id, file_id)
    return with_link(services, request, file, expand)


@router.get("/{file_id}/content")
async def get_content_url(
    services: CurrentServices,
    scope: CurrentScope,
    request: Request,
    file_id: str,
    expires_at_seconds: Annotated[int | None, Query(ge=1, le=MAX_LINK_SECONDS)] = None,
) -> PresignedUrl:
    """Return a signed URL of the file's bytes; it is valid for an hour by default."""
    async with services.database.read() as session:
        await Files(session).get(scope.project_id, file_id)
    lifetime = timedelta(seconds=expires_at_seconds or 3600)
    return services.links.make(request, scope.project_id, "files", file_id, lifetime=lifetime)


@router.delete("/{file_id}", status_code=204)
async def delete_file(services: CurrentServices, scope: CurrentScope, file_id: str) -> None:
    """Delete a file; directories and batches that use it keep its bytes."""
    async with services.database.write() as session:
        await Files(session).delete(scope.project_id, file_id)
