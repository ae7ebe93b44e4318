"""Configurations: named parameters of a product, with all their versions."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, Unpack

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.errors import ConflictError, NotFoundError
from docmill.ids import Prefix, new_id
from docmill.records.keyset import DEFAULT_LIMIT, Slice, page_of
from docmill.records.statements import try_insert
from docmill.records.tables.base import now
from docmill.records.tables.sources import Configuration, ConfigurationVersion

PARSE_TIERS = ("fast", "cost_effective", "agentic", "agentic_plus")
_PRESETS_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
"""Fixed timestamp: presets are immutable."""


def preset_id(tier: str) -> str:
    """Return the id of the preset of a tier."""
    return f"cfg-PARSE_{tier.upper()}"


def preset(configuration_id: str) -> Configuration | None:
    """Return the preset with this id as an unsaved row, or None."""
    for tier in PARSE_TIERS:
        if configuration_id == preset_id(tier):
            return Configuration(
                id=configuration_id,
                name=f"PARSE_{tier.upper()}",
                product_type="parse_v2",
                version=_PRESETS_SINCE.isoformat(),
                parameters={"product_type": "parse_v2", "tier": tier, "version": "latest"},
                created_at=_PRESETS_SINCE,
                updated_at=_PRESETS_SINCE,
            )
    return None


class ConfigurationFilters(TypedDict, total=False):
    """Filters of a list of configurations. A missing filter or None selects all."""

    name: str | None
    product_types: Collection[str] | None


class Configurations:
    """Queries over configurations."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def upsert(
        self, project_id: str, name: str, product_type: str, parameters: dict[str, Any]
    ) -> Configuration:
        """Create or update the configuration of this name and product.

        The id stays. Changed parameters create a new version; equal ones change nothing.
        """
        configuration = Configuration(
            id=new_id(Prefix.CONFIGURATION),
            project_id=project_id,
            name=name,
            product_type=product_type,
            version=now().isoformat(timespec="microseconds"),
            parameters=parameters,
        )
        if await try_insert(self._session, configuration):
            await self._remember(configuration)
            return configuration
        query = select(Configuration).where(
            Configuration.project_id == project_id,
            Configuration.product_type == product_type,
            Configuration.name == name,
        )
        found = (await self._session.scalars(query.with_for_update())).one()
        return await self._change(found, found.name, parameters)

    async def get(self, project_id: str, configuration_id: str) -> Configuration:
        """Return one configuration.

        Raises:
            NotFoundError: there is none in this project.
        """
        return await self._get(project_id, configuration_id, lock=False)

    async def update(
        self,
        project_id: str,
        configuration_id: str,
        *,
        name: str | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> Configuration:
        """Update the given fields; a change creates a new version.

        Raises:
            NotFoundError: there is none in this project.
            ConflictError: another configuration of this product has the name.
        """
        found = await self._get(project_id, configuration_id, lock=True)
        if name is not None and name != found.name:
            await self._check_name(found, name)
        return await self._change(
            found,
            found.name if name is None else name,
            found.parameters if parameters is None else parameters,
        )

    async def delete(self, project_id: str, configuration_id: str) -> None:
        """Delete a configuration with its history. Batches keep their snapshots.

        Raises:
            NotFoundError: there is none in this project.
        """
        found = await self._get(project_id, configuration_id, lock=True)
        await self._session.execute(delete(Configuration).where(Configuration.id == found.id))

    async def versions(self, configuration_id: str) -> Sequence[ConfigurationVersion]:
        """Return all versions of a configuration, oldest first."""
        query = (
            select(ConfigurationVersion)
            .where(ConfigurationVersion.configuration_id == configuration_id)
            .order_by(ConfigurationVersion.version)
        )
        return (await self._session.scalars(query)).all()

    async def _get(self, project_id: str, configuration_id: str, *, lock: bool) -> Configuration:
        query = select(Configuration).where(
            Configuration.id == configuration_id, Configuration.project_id == project_id
        )
        query = query.execution_options(populate_existing=True)
        found = await self._session.scalar(query.with_for_update() if lock else query)
        if found is None:
            raise NotFoundError(
                f"No configuration {configuration_id}.", "List configurations to see their ids."
            )
        return found

    async def _check_name(self, found: Configuration, name: str) -> None:
        taken = select(Configuration.id).where(
            Configuration.project_id == found.project_id,
            Configuration.product_type == found.product_type,
            Configuration.name == name,
        )
        if await self._session.scalar(taken) is not None:
            raise ConflictError(
                f"Another {found.product_type} configuration is named {name}.",
                "Choose another name, or update that one.",
            )

    async def _change(
        self, found: Configuration, name: str, parameters: dict[str, Any]
    ) -> Configuration:
        if (found.name, found.parameters) == (name, parameters):
            return found
        found.name, found.parameters = name, parameters
        found.version = _version_after(found.version)
        await self._session.flush()
        await self._remember(found)
        return found

    async def _remember(self, configuration: Configuration) -> None:
        self._session.add(
            ConfigurationVersion(
                configuration_id=configuration.id,
                version=configuration.version,
                name=configuration.name,
                parameters=configuration.parameters,
            )
        )
        await self._session.flush()

    async def list(
        self,
        project_id: str,
        *,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
        **filters: Unpack[ConfigurationFilters],
    ) -> Slice[Configuration]:
        """Return one page of configurations in their latest versions, newest first.

        Raises:
            UsageError: the cursor is invalid.
        """
        query = select(Configuration).where(Configuration.project_id == project_id)
        name, product_types = filters.get("name"), filters.get("product_types")
        if name is not None:
            query = query.where(Configuration.name == name)
        if product_types is not None:
            query = query.where(Configuration.product_type.in_(product_types))
        key = (Configuration.created_at, Configuration.id)
        return await page_of(self._session, query, key, limit=limit, token=cursor)


def _version_after(version: str) -> str:
    """Return the current time as a version later than ``version``, even if the clock went back."""
    earliest = datetime.fromisoformat(version) + timedelta(microseconds=1)
    return max(now(), earliest).isoformat(timespec="microseconds")
