"""Routes of directories."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query

from docmill.api.core.idempotency import CurrentIdempotency, deleted_object_error
from docmill.api.core.pagination import decode_token, page
from docmill.api.core.scope import CurrentScope
from docmill.api.core.services import CurrentServices
from docmill.api.core.wire import CursorPage, PageSize, Text, page_limit
from docmill.api.directories.schemas import (
    DirectoryCreate,
    DirectoryType,
    DirectoryUpdate,
    DirectoryView,
)
from docmill.errors import NotFoundError
from docmill.ids import Prefix, new_id
from docmill.records.directories import Directories

router = APIRouter(prefix="/api/v1/beta/directories", tags=["directories"])

EPHEMERAL_FOR = timedelta(hours=48)
"""Default lifetime of an ephemeral directory."""


@router.post("", status_code=201)
async def create_directory(
    services: CurrentServices,
    scope: CurrentScope,
    idempotency: CurrentIdempotency,
    body: DirectoryCreate,
) -> DirectoryView:
    """Create an empty directory; an ephemeral one expires after 48 hours."""
    fields = body.model_dump()
    directory_id = new_id(Prefix.DIRECTORY)
    requested = body.model_dump()
    if body.type == "ephemeral" and body.expires_at is None:
        fields["expires_at"] = datetime.now(UTC) + EPHEMERAL_FOR
    async with services.database.write() as session:
        claim = await idempotency.claim(session, requested, directory_id)
        try:
            row = await Directories(session).create(scope.project_id, id=claim.object_id, **fields)
        except NotFoundError:
            raise deleted_object_error(claim.object_id) from None
        return DirectoryView.model_validate(row)


@router.get("")
async def list_directories(
    services: CurrentServices,
    scope: CurrentScope,
    *,
    name: Annotated[Text | None, Query()] = None,
    type: Annotated[DirectoryType | None, Query()] = None,  # noqa: A002 - the contract's name
    types: Annotated[list[DirectoryType] | None, Query()] = None,
    include_deleted: Annotated[bool, Query()] = False,
    page_size: Annotated[PageSize, Query()] = None,
    page_token: Annotated[Text | None, Query()] = None,
) -> CursorPage[DirectoryView]:
    """List directories, newest first."""
    wanted = sorted({*(types or ()), *([type] if type else ())})
    filters: dict[str, Any] = {
        "name": name,
        "types": wanted or None,
        "include_deleted": include_deleted,
    }
    async with services.database.read() as session:
        found = await Directories(session).list(
            scope.project_id,
            limit=page_limit(page_size),
            cursor=decode_token(page_token, scope.project_id, filters),
            **filters,
        )
    return page(found, DirectoryView.model_validate, scope.project_id, filters)


@router.get("/{directory_id}")
async def get_directory(
    services: CurrentServices, scope: CurrentScope, directory_id: str
) -> DirectoryView:
    """Return one directory."""
    async with services.database.read() as session:
        return DirectoryView.model_validate(
            await Directories(session).get(scope.project_id, directory_id)
        )


@router.patch("/{directory_id}")
async def update_directory(
    services: CurrentServices, scope: CurrentScope, directory_id: str, body: DirectoryUpdate
) -> DirectoryView:
    """Change the name or the description; null clears the description."""
    changes = body.model_dump(exclude_none=True)
    if "description" in body.model_fields_set:
        changes["description"] = body.description
    async with services.database.write() as session:
        return DirectoryView.model_validate(
            await Directories(session).update(scope.project_id, directory_id, **changes)
        )


@router.delete("/{directory_id}", status_code=204)
async def delete_directory(
    services: CurrentServices, scope: CurrentScope, directory_id: str
) -> None:
    """Delete a directory; batches over it continue with the files that they listed."""
    async with services.database.write() as session:
        await Directories(session).delete(scope.project_id, directory_id)
