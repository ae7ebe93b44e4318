"""Projects, the owners of all other objects."""

from dataclasses import asdict

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.access import Limits
from docmill.errors import ConflictError, NotFoundError
from docmill.ids import DEFAULT_ORGANIZATION_ID, DEFAULT_PROJECT_ID, Prefix, new_id
from docmill.records.keyset import DEFAULT_LIMIT, Slice, page_of
from docmill.records.statements import try_insert
from docmill.records.tables.base import now
from docmill.records.tables.sources import Project


def limits_of(project: Project) -> Limits:
    """Return the limits of a project's row."""
    return Limits(
        requests_per_second=project.requests_per_second,
        burst=project.burst,
        max_upload_bytes=project.max_upload_bytes,
        max_open_batches=project.max_open_batches,
        max_stored_bytes=project.max_stored_bytes,
    )


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

    async def create(self, name: str, limits: Limits) -> Project:
        """Create a project."""
        project = Project(
            id=new_id(Prefix.PROJECT),
            name=name,
            organization_id=DEFAULT_ORGANIZATION_ID,
            **asdict(limits),
        )
        self._session.add(project)
        await self._session.flush()
        return project

    async def archive(self, project_id: str) -> Project:
        """Make a project read-only; idempotent.

        Raises:
            NotFoundError: it does not exist.
            ConflictError: it is the default project.
        """
        project = await self._other_than_default(project_id, "archived")
        project.archived_at = project.archived_at or now()
        await self._session.flush()
        return project

    async def set_limits(self, project_id: str, limits: Limits) -> Project:
        """Replace the limits of a project.

        Raises:
            NotFoundError: it does not exist.
        """
        project = await self.get(project_id)
        for name, value in asdict(limits).items():
            setattr(project, name, value)
        await self._session.flush()
        return project

    async def begin_deletion(self, project_id: str) -> Project:
        """Hide a project before its data is deleted; idempotent.

        Raises:
            NotFoundError: it does not exist.
            ConflictError: it is the default project.
        """
        project = await self._other_than_default(project_id, "deleted", include_deleted=True)
        project.archived_at = project.archived_at or now()
        project.deleted_at = project.deleted_at or now()
        await self._session.flush()
        return project

    async def _other_than_default(
        self, project_id: str, what: str, *, include_deleted: bool = False
    ) -> Project:
        project = await self.get(project_id, include_deleted=include_deleted)
        if project.is_default:
            raise ConflictError(
                f"The default project cannot be {what}.", "The command line works in it."
            )
        return project

    async def get(self, project_id: str, *, include_deleted: bool = False) -> Project:
        """Return one project.

        Raises:
            NotFoundError: there is none with this id.
        """
        found = await self._session.get(Project, project_id)
        if found is None or (found.deleted_at is not None and not include_deleted):
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
        query = select(Project).where(Project.deleted_at.is_(None))
        if organization_id is not None:
            query = query.where(Project.organization_id == organization_id)
        if name is not None:
            query = query.where(Project.name == name)
        key = (Project.created_at, Project.id)
        return await page_of(
            self._session, query, key, limit=limit, token=cursor, newest_first=False
        )
