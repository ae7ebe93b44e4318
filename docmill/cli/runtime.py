"""What runs batches: the server that the user named, or the embedded one with a worker.

This module loads little, and neither does anything that it starts with: the processes start
first, and the command loads what it works with, and lists its files, while they do.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docmill.embedded.addresses import names_server
from docmill.embedded.child import ORPHAN_FLAG
from docmill.embedded.home import Home
from docmill.embedded.members import Membership
from docmill.embedded.supervisor import Supervisor, worker_environment
from docmill.errors import UsageError
from docmill.settings import APPLICATION, Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from docmill.embedded.addresses import Addresses
    from docmill.temporal.connections import TemporalLink

EMBEDDED_NAMESPACE = "default"
"""The namespace of a server in development mode."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection to Temporal.

    Attributes:
        address: where Temporal clients connect to.
        ui: the address of the Web UI; None when it is not configured.
    """

    client: "Client"
    address: str
    ui: str | None

    def page_of(self, batch_id: str) -> str | None:
        """Return the address of a batch's own page in Temporal's Web UI."""
        if self.ui is None:
            return None
        return f"{self.ui}/namespaces/{self.client.namespace}/workflows/{batch_id}"

    def schedule_page_of(self, schedule_id: str) -> str | None:
        """Return the address of a schedule's page in Temporal's Web UI."""
        if self.ui is None:
            return None
        return f"{self.ui}/namespaces/{self.client.namespace}/schedules/{schedule_id}"


class Runtime:
    """The server and its workers, which may still be starting.

    Attributes:
        namespace: where batches run.
        remote: whether the user named the server.
    """

    def __init__(
        self, connecting: "asyncio.Future[Connection]", namespace: str, *, remote: bool
    ) -> None:
        self._connecting = connecting
        self.namespace = namespace
        self.remote = remote

    async def connection(self) -> Connection:
        """Return the connection as soon as the server answers.

        Raises:
            UnavailableError: it cannot be started or reached.
        """
        return await asyncio.shield(self._connecting)

    async def client(self) -> "Client":
        """Return the Temporal client as soon as the server answers."""
        return (await self.connection()).client


@asynccontextmanager
async def open_runtime(
    settings: Settings, profile: str | None, notify: Callable[[str], None]
) -> AsyncIterator[Runtime]:
    """Connect to the named server, or start the home's own and a worker with it.

    Args:
        settings: settings with the home of the embedded server.
        profile: of a named server.
        notify: prints for the user what went wrong and is being repaired.

    Raises:
        UsageError: the home cannot be used, the profile is wrong, or the embedded server would
            have workers with versions.
        UnavailableError: the named server cannot be reached, or the disk is full. Of one that
            is being started, `Runtime.connection` says so.
    """
    if not names_server(profile):
        _reject_versioning(settings)
        home = Home(settings.home).create()
        home.check_space()
        async with _embedded(settings, home, notify) as connecting:
            yield Runtime(connecting, EMBEDDED_NAMESPACE, remote=False)
        return
    from docmill.embedded.connect import connect_named
    from docmill.temporal.payloads import data_converter

    client = await connect_named(data_converter(settings), profile)
    ui = settings.temporal_ui_url.rstrip("/") or None
    connected = asyncio.get_running_loop().create_future()
    connected.set_result(Connection(client, client.service_client.config.target_host, ui))
    yield Runtime(connected, client.namespace, remote=True)


@asynccontextmanager
async def open_link(
    settings: Settings, profile: str | None, *, shared: bool
) -> AsyncIterator["TemporalLink"]:
    """Connect to the named server, or to the home's own, which is started; without workers.

    Args:
        settings: settings with the home of the embedded server.
        profile: of a named server.
        shared: whether the records are shared: then batches run on a server that must be named.

    Raises:
        UsageError: the server is not named, or the profile is wrong.
        UnavailableError: the server cannot be started or reached.
    """
    from docmill.embedded.connect import connect_named
    from docmill.temporal.connections import TemporalLink
    from docmill.temporal.payloads import data_converter

    if names_server(profile):
        client = await connect_named(data_converter(settings), profile)
        yield TemporalLink.over(client, settings.temporal_namespaces)
    elif shared:
        raise UsageError(
            "The Temporal server with the batches of this shared database is not named.",
            "Set TEMPORAL_ADDRESS or --profile as for its workers.",
        )
    else:
        async with Membership(Home(settings.home).create()).joining() as joining:
            connection = await _connected(joining, settings)
            yield TemporalLink.over(connection.client, settings.temporal_namespaces)


def _reject_versioning(settings: Settings) -> None:
    """Reject worker versioning: a home has one worker, and a new version replaces the old one."""
    if settings.worker_deployment:
        raise UsageError(
            "The embedded Temporal server has no worker versioning.",
            "Unset DOCMILL_WORKER_DEPLOYMENT, or name a server of your own in TEMPORAL_ADDRESS.",
        )


@asynccontextmanager
async def _embedded(
    settings: Settings, home: Home, notify: Callable[[str], None]
) -> AsyncIterator["asyncio.Task[Connection]"]:
    member = Membership(home)
    worker = Supervisor(
        home,
        "worker",
        [sys.executable, str(APPLICATION / "worker.py"), ORPHAN_FLAG],
        worker_environment(home),
        on_death=lambda deaths: notify(
            f"The worker died ({deaths} in a row) and is started again; "
            f"its log: {home.log('worker')}\n{worker.process.failure() or ''}".rstrip()
        ),
    )
    async with AsyncExitStack() as stack:
        joining = await stack.enter_async_context(member.joining())
        await stack.enter_async_context(worker)
        connecting = asyncio.create_task(_connected(joining, settings))
        stack.callback(connecting.cancel)
        keeper = asyncio.create_task(_keep_server(member, connecting, notify))
        stack.callback(keeper.cancel)
        yield connecting


async def _connected(joining: "asyncio.Task[Addresses]", settings: Settings) -> Connection:
    addresses = await asyncio.shield(joining)
    from docmill.embedded.connect import connect_to
    from docmill.temporal.payloads import data_converter

    client = await connect_to(addresses.grpc, data_converter(settings))
    return Connection(client, addresses.grpc, addresses.ui)


async def _keep_server(
    member: Membership, connecting: "asyncio.Task[Connection]", notify: Callable[[str], None]
) -> None:
    """Restart the server when it exits. Before its first answer, its starter retries."""
    await asyncio.wait([connecting])
    if not connecting.cancelled() and connecting.exception() is None:
        await member.watch_server(lambda: notify("The Temporal server died and is started again."))
