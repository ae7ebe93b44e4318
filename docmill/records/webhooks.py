"""Webhook endpoints: stored ones, and the targets of batches and jobs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.errors import NotFoundError
from docmill.records.keyset import DEFAULT_LIMIT, Slice, page_of
from docmill.records.statements import insert_into, try_insert
from docmill.records.tables.api import WebhookConfiguration, WebhookTarget


class Webhooks:
    """Queries over webhook endpoints."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def create(self, row: WebhookConfiguration) -> WebhookConfiguration:
        """Insert ``row``; if its id exists, return the existing row."""
        if await try_insert(self._session, row):
            return row
        return await self.get(row.project_id, row.id)

    async def get(self, project_id: str, webhook_id: str) -> WebhookConfiguration:
        """Return one endpoint.

        Raises:
            NotFoundError: the project has none with this id.
        """
        found = await self._session.get(WebhookConfiguration, webhook_id)
        if found is None or found.project_id != project_id:
            raise NotFoundError(f"No webhook configuration {webhook_id}.")
        return found

    async def list(
        self, project_id: str, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None
    ) -> Slice[WebhookConfiguration]:
        """Return one page of a project's endpoints, newest first."""
        return await page_of(
            self._session,
            select(WebhookConfiguration).where(WebhookConfiguration.project_id == project_id),
            (WebhookConfiguration.created_at, WebhookConfiguration.id),
            limit=limit,
            token=cursor,
        )

    async def count(self, project_id: str) -> int:
        """Return how many endpoints a project has."""
        query = select(func.count()).where(WebhookConfiguration.project_id == project_id)
        return (await self._session.scalar(query)) or 0

    async def update(self, project_id: str, webhook_id: str, **fields: Any) -> WebhookConfiguration:
        """Change ``fields`` of one endpoint.

        Raises:
            NotFoundError: the project has none with this id.
        """
        row = await self.get(project_id, webhook_id)
        for name, value in fields.items():
            setattr(row, name, value)
        await self._session.flush()
        return row

    async def delete(self, project_id: str, webhook_id: str) -> None:
        """Delete one endpoint; pending events for it are dropped.

        Raises:
            NotFoundError: the project has none with this id.
        """
        row = await self.get(project_id, webhook_id)
        await self._session.execute(
            delete(WebhookConfiguration).where(WebhookConfiguration.id == row.id)
        )

    async def add_targets(self, targets: Sequence[WebhookTarget]) -> None:
        """Insert the targets of a batch or job; idempotent."""
        rows = [
            {
                "owner_id": target.owner_id,
                "number": target.number,
                "project_id": target.project_id,
                "configuration_id": target.configuration_id,
                "endpoint": target.endpoint,
                "events": target.events,
            }
            for target in targets
        ]
        if rows:
            insert = insert_into(self._session, WebhookTarget).on_conflict_do_nothing()
            await self._session.execute(insert, rows)
