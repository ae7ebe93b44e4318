"""Caller and project of a request, which determine the data that it can access.

`docmill.api.core.access` determines the caller before any other code handles the request.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.security import HTTPBearer

from docmill.api.core.wire import Text, stored_project
from docmill.contracts.access import Actor, Limits, Role
from docmill.errors import NotFoundError
from docmill.ids import DEFAULT_ORGANIZATION_ID, DEFAULT_PROJECT_ID

bearer = HTTPBearer(
    auto_error=False, description="An API key, `dml_…`; any token while there are no keys."
)


MAX_AUDITED_ID = 100
"""Maximum characters of a path parameter in the audit log: ids have 40."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request.

    Attributes:
        name: name in the audit log: ``key:<id>``, or ``local`` without keys.
        project_id: the project of the key; without keys the default project.
        local: whether there are no keys: then requests can select any project.
        archived: whether the project allows only reads.
    """

    name: str
    project_id: str
    organization_id: str
    role: Role
    limits: Limits
    local: bool = False
    archived: bool = False


LOCAL = Caller(
    "local", DEFAULT_PROJECT_ID, DEFAULT_ORGANIZATION_ID, Role.ADMIN, Limits(), local=True
)
"""The caller of all requests over the loopback interface while there are no keys."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The project and the actor of a request."""

    project_id: str
    organization_id: str
    actor: Actor
    limits: Limits


async def current_caller(request: Request) -> Caller:
    """FastAPI dependency: the caller of this request."""
    caller: Caller = request.state.caller
    return caller


async def current_scope(
    request: Request,
    caller: Annotated[Caller, Depends(current_caller)],
    _: Annotated[object, Depends(bearer)],
    project_id: Annotated[Text | None, Query(description="The key's default when absent.")] = None,
    organization_id: Annotated[Text | None, Query()] = None,
) -> Scope:
    """FastAPI dependency: the project of this request.

    Raises:
        NotFoundError: the project or organization does not exist, or the key has no access to it.
    """
    project = caller.project_id
    organization = caller.organization_id
    if project_id and stored_project(project_id) != project:
        if not caller.local:
            raise _no_project(project_id)
        found = await request.state.services.access.project(stored_project(project_id))
        if found is None:
            raise _no_project(project_id)
        project, organization = found.id, found.organization_id
    if organization_id and organization_id.lower() != organization:
        raise NotFoundError(
            f"There is no organization {organization_id}.", "Leave organization_id out."
        )
    named = tuple(str(value)[:MAX_AUDITED_ID] for value in request.path_params.values())
    actor = Actor(caller.name, request.scope["route"].name, named)
    return Scope(project, organization, actor, caller.limits)


def check_project(scope: Scope, project_id: str | None) -> None:
    """Accept the id of the request's own project, with or without its prefix, or no id.

    Raises:
        NotFoundError: it is the id of another project.
    """
    if project_id and stored_project(project_id) != scope.project_id:
        raise _no_project(project_id)


def _no_project(project_id: str) -> NotFoundError:
    return NotFoundError(f"There is no project {project_id}.", "Leave project_id out.")


CurrentCaller = Annotated[Caller, Depends(current_caller)]
CurrentScope = Annotated[Scope, Depends(current_scope)]
