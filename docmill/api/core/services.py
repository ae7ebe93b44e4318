"""The services that request handlers use, from the start of the server until it stops."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from docmill.api.core.idempotency import ReceivedIds
from docmill.api.core.links import Links
from docmill.batches.service import BatchService
from docmill.objects.base import ObjectStore
from docmill.objects.open import open_store
from docmill.objects.staging import Staging
from docmill.outbound.fence import Fence
from docmill.records.claims import Claims
from docmill.records.database import Database
from docmill.records.projects import Projects
from docmill.remote.limits import HostLimits
from docmill.settings import Settings
from docmill.temporal.connections import TemporalLink


@dataclass(frozen=True, slots=True)
class Services:
    """Dependencies of the request handlers.

    Attributes:
        scratch: temporary folder of this process, for uploads before they are in the store.
        links: creates and verifies signed URLs.
        temporal: connection to Temporal, which may be unavailable.
        batches: creates, reads and controls batches.
        received: records the ids that clients have received.
        fence: checks the URLs in requests.
        hosts: request limits of remote hosts, shared by this process.
    """

    settings: Settings
    database: Database
    store: ObjectStore
    scratch: Staging
    links: Links
    temporal: TemporalLink
    batches: BatchService
    received: ReceivedIds
    fence: Fence
    hosts: HostLimits


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Open the services; migrate the database and create the default project.

    Raises:
        UnavailableError: the database is unavailable.
        UsageError: an entry of ``DOCMILL_FENCE_ALLOW`` is invalid.
    """
    fence = Fence.allowing(settings.fence_allow)
    settings.home.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    scratch = Staging.below(settings.scratch)
    store = open_store(settings.store)
    try:
        await database.migrate()
        async with database.write() as session:
            await Projects(session).ensure_default()
            await Claims(session).delete_expired()
        temporal = TemporalLink.from_environment(settings.temporal_namespaces)
        yield Services(
            settings=settings,
            database=database,
            store=store,
            scratch=scratch,
            links=Links.of_home(settings),
            temporal=temporal,
            batches=BatchService(database, store, settings, temporal),
            received=ReceivedIds(database),
            fence=fence,
            hosts=HostLimits(settings.remote_concurrency, settings.remote_rate),
        )
    finally:
        scratch.close()
        store.close()
        await database.close()


def current_services(request: Request) -> Services:
    """FastAPI dependency: the services of this server."""
    services: Services = request.state.services
    return services


CurrentServices = Annotated[Services, Depends(current_services)]
