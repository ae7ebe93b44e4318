"""The services that request handlers use, from the start of the server until it stops."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Annotated

import structlog
from fastapi import Depends, Query, Request

from docmill.api.core.access import Access
from docmill.api.core.idempotency import ReceivedIds
from docmill.api.core.limits import StoredBytes
from docmill.api.core.links import CONTENT_PREFIX, Links
from docmill.api.core.scope import Scope, current_scope
from docmill.api.core.wire import Text
from docmill.batches.service import BatchService
from docmill.contracts.access import Actor, Limits
from docmill.errors import UsageError
from docmill.ids import DEFAULT_ORGANIZATION_ID
from docmill.objects.base import ObjectStore
from docmill.objects.open import open_store
from docmill.objects.staging import Staging
from docmill.outbound.fence import Fence
from docmill.records.claims import Claims
from docmill.records.database import Database
from docmill.records.link_keys import LinkKeys
from docmill.records.outcomes import OnSettled
from docmill.records.projects import Projects
from docmill.records.scope import EVERY_PROJECT
from docmill.remote.limits import HostLimits
from docmill.settings import Settings
from docmill.temporal.connections import TemporalLink
from docmill.temporal.payloads import data_converter
from docmill.tracing.spans import trace_statements

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """Dependencies of the request handlers; in a handler they access only its request's project.

    Attributes:
        access: decides who may call.
        scratch: temporary folder of this process, for uploads before they are in the store.
        links: creates and verifies signed URLs.
        temporal: connection to Temporal, which may be unavailable.
        batches: creates, reads and controls batches.
        received: records the ids that clients have received.
        fence: checks the URLs in requests.
        hosts: request limits of remote hosts, shared by this process.
        stored_bytes: bytes stored by projects with limits.
        limits: limits of the request's project.
    """

    settings: Settings
    access: Access
    database: Database
    store: ObjectStore
    scratch: Staging
    links: Links
    temporal: TemporalLink
    batches: BatchService
    received: ReceivedIds
    fence: Fence
    hosts: HostLimits
    stored_bytes: StoredBytes
    limits: Limits

    def within(self, scope: Scope) -> "Services":
        """Return the same services for one project; what a request changes is audited."""
        database = self.database.scoped(scope.project_id, scope.actor)
        batches = self.batches.within(database)
        return replace(self, database=database, batches=batches, limits=scope.limits)


@asynccontextmanager
async def open_services(
    settings: Settings, on_settled: OnSettled | None = None
) -> AsyncIterator[Services]:
    """Open the services; migrate the database and create the default project.

    Args:
        settings: of this process.
        on_settled: called with the outcomes that this process commits.

    Raises:
        UnavailableError: the database is unavailable.
        UsageError: an entry of ``DOCMILL_FENCE_ALLOW`` is invalid; or ``DOCMILL_AUTH`` is
            ``keys``, and a shared database has no ``DOCMILL_SECRET_KEY``.
    """
    fence = Fence.allowing(settings.fence_allow)
    settings.home.mkdir(parents=True, exist_ok=True)
    database = Database.of(settings)
    database.on_settled = on_settled
    every = database.scoped(EVERY_PROJECT)
    scratch = Staging.below(settings.scratch)
    store = open_store(settings.store)
    try:
        _check_secret_key(database, settings)
        await database.migrate()
        trace_statements(database.engines)
        async with every.write() as session:
            await Projects(session).ensure_default()
            await LinkKeys(session).ensure()
            await Claims(session).delete_expired()
        temporal = TemporalLink.from_environment(
            data_converter(settings), settings.temporal_namespaces
        )
        yield Services(
            settings=settings,
            access=Access(every, required=settings.auth == "keys"),
            database=database,
            store=store,
            scratch=scratch,
            links=Links(every, settings),
            temporal=temporal,
            batches=BatchService(every, store, settings, temporal),
            received=ReceivedIds(),
            fence=fence,
            hosts=HostLimits(settings.remote_concurrency, settings.remote_rate),
            stored_bytes=StoredBytes(),
            limits=Limits(),
        )
    finally:
        scratch.close()
        store.close()
        await database.close()


async def server_services(request: Request) -> Services:
    """FastAPI dependency: the services of this server, without access to any project's records."""
    services: Services = request.state.services
    return services


async def current_services(
    services: Annotated[Services, Depends(server_services)],
    scope: Annotated[Scope, Depends(current_scope)],
) -> Services:
    """FastAPI dependency: the services of this server for the project of the request."""
    await services.links.refresh()
    return services.within(scope)


async def linked_services(
    request: Request,
    services: Annotated[Services, Depends(server_services)],
    *,
    project: Annotated[Text, Query(max_length=100)],
    expires: Annotated[int, Query(ge=0, le=2**53)],
    key: Annotated[Text, Query(max_length=100)],
    signature: Annotated[str, Query(max_length=128)],
) -> Services:
    """FastAPI dependency: the services for the project of a signed link, which grants access.

    Raises:
        NotFoundError: the signature is invalid, or the link has expired.
    """
    await services.links.refresh(key)
    parts = request.scope["path"].removeprefix(f"{CONTENT_PREFIX}/").split("/")
    services.links.check(project, *parts, expires=expires, key_id=key, signature=signature)
    actor = Actor("link", request.scope["route"].name)
    return services.within(Scope(project, DEFAULT_ORGANIZATION_ID, actor, Limits()))


ServerServices = Annotated[Services, Depends(server_services)]
CurrentServices = Annotated[Services, Depends(current_services)]
LinkedServices = Annotated[Services, Depends(linked_services)]


def _check_secret_key(database: Database, settings: Settings) -> None:
    """Warn that secrets are stored unencrypted; with ``DOCMILL_AUTH=keys`` this is an error."""
    try:
        database.check_secret_key()
    except UsageError as error:
        if settings.auth == "keys":
            raise
        log.warning("api.no_secret_key", reason=error.message, hint=error.hint)
