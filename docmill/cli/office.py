"""What commands work with: settings, the home, the records, the store, Temporal."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from docmill.cli.performing import settings_of
from docmill.embedded.home import Home
from docmill.objects import ObjectStore, open_store
from docmill.records.database import Database
from docmill.records.projects import Projects
from docmill.settings import APPLICATION, Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from docmill.batches import BatchService
    from docmill.embedded.ports import Addresses


@dataclass(frozen=True, slots=True)
class Office:
    """A home with its records and its store, ready to use."""

    settings: Settings
    home: Home
    database: Database
    store: ObjectStore


@dataclass(frozen=True, slots=True)
class Runtime:
    """What runs batches: Temporal, and on the embedded server a worker.

    Attributes:
        address: where Temporal clients connect to.
        ui: the Web UI's address; None when nobody said where it is.
        remote: whether the user named the server.
    """

    client: "Client"
    service: "BatchService"
    address: str
    ui: str | None
    remote: bool

    def page_of(self, batch_id: str) -> str | None:
        """Return the address of a batch's own page in Temporal's Web UI."""
        if self.ui is None:
            return None
        return f"{self.ui}/namespaces/{self.client.namespace}/workflows/{batch_id}"


@asynccontextmanager
async def open_office(home: Path | None) -> AsyncIterator[Office]:
    """Open home, records and store for the length of a command.

    Raises:
        UsageError: a setting is wrong or the home cannot be used.
        UnavailableError: the database cannot be reached.
    """
    settings = settings_of(home)
    place = Home(settings.home).create()
    database = Database(settings.database)
    store = open_store(settings.store)
    try:
        await database.migrate()
        async with database.write() as session:
            await Projects(session).ensure_default()
        yield Office(settings, place, database, store)
    finally:
        store.close()
        await database.close()


@asynccontextmanager
async def open_runtime(
    office: Office, profile: str | None, tell: Callable[[str], None]
) -> AsyncIterator[Runtime]:
    """Connect to the named server, or to the home's own with a worker beside it.

    Args:
        office: where the batches are.
        profile: of a named server.
        tell: says to the user what went wrong and is being mended.

    Raises:
        UnavailableError: no server can be reached or started.
    """
    from docmill.embedded.connect import connect_named, connect_to, names_server

    if names_server(profile):
        client = await connect_named(profile)
        ui = office.settings.temporal_ui_url.rstrip("/") or None
        address = client.service_client.config.target_host
        yield Runtime(client, _service(office, client), address, ui, remote=True)
        return
    async with _embedded(office, tell) as addresses:
        client = await connect_to(addresses.grpc)
        service = _service(office, client)
        yield Runtime(client, service, addresses.grpc, addresses.ui, remote=False)


def _service(office: Office, client: "Client") -> "BatchService":
    from docmill.batches import BatchService
    from docmill.temporal_link import TemporalLink

    link = TemporalLink.over(client, office.settings.temporal_namespaces)
    return BatchService(office.database, office.store, office.settings, link)


@asynccontextmanager
async def _embedded(office: Office, tell: Callable[[str], None]) -> AsyncIterator["Addresses"]:
    import asyncio

    from docmill.embedded.child import ORPHAN_FLAG
    from docmill.embedded.members import Membership
    from docmill.embedded.supervisor import Supervisor, worker_environment

    office.home.check_space()
    member = Membership(office.home)
    async with AsyncExitStack() as stack:
        addresses = await stack.enter_async_context(member)
        worker = Supervisor(
            office.home,
            "worker",
            [sys.executable, str(APPLICATION / "worker.py"), ORPHAN_FLAG],
            worker_environment(office.home, addresses.grpc),
            on_death=lambda deaths: tell(
                f"The worker died ({deaths} in a row) and is started again; "
                f"its log: {office.home.log('worker')}"
            ),
        )
        await stack.enter_async_context(worker)
        keeper = asyncio.create_task(
            member.keep_server(lambda: tell("The Temporal server died and is started again."))
        )
        stack.callback(keeper.cancel)
        yield addresses
