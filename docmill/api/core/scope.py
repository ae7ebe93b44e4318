"""Whose data a request may see: every query takes its project from here.

Without API keys there is one project, and any bearer token stands for it.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from fastapi.security import HTTPBearer

from docmill.api.core.wire import Text, stored_project
from docmill.errors import NotFoundError
from docmill.ids import DEFAULT_ORGANIZATION_ID, DEFAULT_PROJECT_ID

bearer = HTTPBearer(auto_error=False, description="Any token, while no API keys are configured.")


@dataclass(frozen=True, slots=True)
class Scope:
    """The project of a request."""

    project_id: str
    organization_id: str


async def current_scope(
    _: Annotated[object, Depends(bearer)],
    project_id: Annotated[Text | None, Query(description="The key's default when absent.")] = None,
    organization_id: Annotated[Text | None, Query()] = None,
) -> Scope:
    """Dependency: the project that this request works in.

    Raises:
        NotFoundError: the project or organization is unknown here.
    """
    check_project(project_id)
    if organization_id and organization_id.lower() != DEFAULT_ORGANIZATION_ID:
        raise NotFoundError(
            f"There is no organization {organization_id}.", "Leave organization_id out."
        )
    return Scope(DEFAULT_PROJECT_ID, DEFAULT_ORGANIZATION_ID)


def check_project(project_id: str | None) -> None:
    """Let the one project pass, by its id with or without its prefix, and no id at all.

    Raises:
        NotFoundError: there is no such project.
    """
    if project_id and stored_project(project_id) != DEFAULT_PROJECT_ID:
        raise NotFoundError(f"There is no project {project_id}.", "Leave project_id out.")


CurrentScope = Annotated[Scope, Depends(current_scope)]
