"""Routes of projects, which are read only."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from docmill.api.core.pagination import decode_token, page
from docmill.api.core.scope import Caller, CurrentCaller, bearer
from docmill.api.core.services import ServerServices
from docmill.api.core.wire import (
    CursorPage,
    PageSize,
    ProjectId,
    Text,
    WireModel,
    page_limit,
    stored_project,
)
from docmill.records.projects import Projects
from docmill.records.scope import EVERY_PROJECT
from docmill.records.scope import Scope as ProjectScope


class ProjectView(WireModel):
    """A project; read only in this API."""

    id: ProjectId
    name: str
    organization_id: str
    is_default: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None


def visible_to(caller: Caller) -> ProjectScope:
    """Return which projects a caller may see: a key its own, and without keys there are all."""
    return EVERY_PROJECT if caller.local else caller.project_id


router = APIRouter(tags=["projects"], dependencies=[Depends(bearer)])


@router.get("/api/v1/projects")
async def list_projects(
    services: ServerServices,
    caller: CurrentCaller,
    organization_id: Annotated[Text | None, Query()] = None,
    project_name: Annotated[Text | None, Query()] = None,
) -> list[ProjectView]:
    """List all projects of the API key as a bare array."""
    async with services.database.scoped(visible_to(caller)).read() as session:
        found = await Projects(session).list(organization_id=organization_id, name=project_name)
    return [ProjectView.model_validate(project) for project in found.items]


@router.get("/api/v2/projects")
async def page_projects(
    services: ServerServices,
    caller: CurrentCaller,
    *,
    name: Annotated[Text | None, Query()] = None,
    organization_id: Annotated[Text | None, Query()] = None,
    page_size: Annotated[PageSize, Query()] = None,
    page_token: Annotated[Text | None, Query()] = None,
) -> CursorPage[ProjectView]:
    """List the projects of the API key, one page at a time."""
    filters = {"name": name, "organization_id": organization_id}
    async with services.database.scoped(visible_to(caller)).read() as session:
        found = await Projects(session).list(
            **filters,
            limit=page_limit(page_size),
            cursor=decode_token(page_token, caller.project_id, filters),
        )
    return page(found, ProjectView.model_validate, caller.project_id, filters)


@router.get("/api/v1/projects/{project_id}")
@router.get("/api/v2/projects/{project_id}")
async def get_project(
    services: ServerServices, caller: CurrentCaller, project_id: str
) -> ProjectView:
    """Return one project."""
    async with services.database.scoped(visible_to(caller)).read() as session:
        return ProjectView.model_validate(await Projects(session).get(stored_project(project_id)))
