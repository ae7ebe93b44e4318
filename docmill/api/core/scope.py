"""The scope of a request: the project whose data it may read. Every query takes it from here.

Without API keys there is one project, and every bearer token belongs to it.
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
    """FastAPI dependency: the project of this request.

    Raises:
        NotFoundError: the project or organization does not exist.
    """
    check_project(project_id)
    if organization_id and organization_id.lower() != DEFAULT_ORGANIZATION_ID:
        raise NotFoundError(
            f"There is no organization {organization_id}.", "Leave organization_id out."
        )
    return Scope(DEFAULT_PROJECT_ID, DEFAULT_ORGANIZATION_ID)


def check_project(project_id: str | None) -> None:
    """Accept the id of the one project, with or without its prefix, and a missing id.

    Raises:
        NotFoundError: there is no such project.
    """
    if project_id and stored_project(project_id) != DEFAULT_PROJECT_ID:
        raise NotFoundError(f"There is no project {project_id}.", "Leave project_id out.")


CurrentScope = Annotated[Scope, Depends(current_scope)]
