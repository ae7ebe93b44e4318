"""Projects, the owners of all other objects."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.errors import NotFoundError
from docmill.ids import DEFAULT_ORGANIZATION_ID, DEFAULT_PROJECT_ID
from docmill.records.keyset import DEFAULT_LIMIT, Slice, page_of
from docmill.records.statements import try_insert
from docmill.records.tables.sources import Project


class Projects:
    """Queries over projects."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def ensure_default(self) -> Project:
        """Return the single project of an installation without API keys, creating it if needed."""
        found = await self._session.get(Project, DEFAULT_PROJECT_ID)
        if found is not None:
            return found
        project = Project(
            id=DEFAULT_PROJECT_ID,
            name="Default",
            organization_id=DEFAULT_ORGANIZATION_ID,
            is_default=True,
        )
        if await try_insert(self._session, project):
            return project
        return await self.get(DEFAULT_PROJECT_ID)

    async def get(self, project_id: str) -> Project:
        """Return one project.

        Raises:
            NotFoundError: there is none with this id.
        """
        found = await self._session.get(Project, project_id)
        if found is None:
            raise NotFoundError(f"No project {project_id}.", "List projects to see their ids.")
        return found

    async def list(
        self,
        *,
        organization_id: str | None = None,
        name: str | None = None,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
    ) -> Slice[Project]:
        """Return one page of projects, oldest first."""
        query = select(Project)
        if organization_id is not None:
            query = query.where(Project.organization_id == organization_id)
        if name is not None:
            query = query.where(Project.name == name)
        key = (Project.created_at, Project.id)
        return await page_of(
            self._session, query, key, limit=limit, token=cursor, newest_first=False
        )
