"""Connections to Temporal, which may be unavailable when a process starts and at any later time."""

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

from docmill.client import KEEP_ALIVE, BatchClient
from docmill.contracts.names import BATCH_QUEUE
from docmill.errors import NotFoundError, UnavailableError, UsageError
from docmill.temporal.deployments import Deployments, unserved
from docmill.tracing.spans import interceptors

CONNECT_TIMEOUT = timedelta(seconds=3)
READY_TIMEOUT = timedelta(seconds=3)


class QueueType(StrEnum):
    """The types of a task queue."""

    WORKFLOW = "workflow"
    ACTIVITY = "activity"


@dataclass(frozen=True, slots=True)
class QueueState:
    """State of a task queue, as Temporal's matching service knows it.

    Attributes:
        tasks: approximate number of waiting tasks.
        age_seconds: approximate age of the oldest one; 0 if there is none.
        pollers: workers that polled it in the last five minutes.
    """

    tasks: int
    age_seconds: float
    pollers: int


_QUEUE_TYPES = {
    QueueType.WORKFLOW: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    QueueType.ACTIVITY: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}


class TemporalLink:
    """Clients of the namespaces that this process may use, over one connection.

    Attributes:
        namespace: the default namespace of batches.
        namespaces: all allowed namespaces.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Client]], namespace: str, more: Sequence[str] = ()
    ) -> None:
        """Create the link without connecting.

        Args:
            connect: opens the connection; called at first use, and again while it fails with a
                `RuntimeError`.
            namespace: of the client that ``connect`` returns.
            more: further namespaces of the same server.
        """
        self.namespace = namespace
        self.namespaces = tuple(dict.fromkeys((namespace, *more)))
        self._connect = connect
        self._clients: dict[str, BatchClient] = {}

    @classmethod
    def from_environment(cls, converter: DataConverter, more: Sequence[str] = ()) -> "TemporalLink":
        """Return a link to the server of the ``TEMPORAL_*`` variables, by default the local one.

        Args:
            converter: the data converter of this process.
            more: further namespaces of the same server.
        """
        # A profile is used only if it is named: an implicit one could send a local user's files
        # to a cluster by accident.
        profile = os.environ.get("TEMPORAL_PROFILE")
        config = ClientConfig.load_client_connect_config(profile, disable_file=profile is None)
        config.setdefault("target_host", "localhost:7233")
        namespace: str = config.setdefault("namespace", "default")
        connect = partial(
            Client.connect,
            **config,
            connect_timeout=CONNECT_TIMEOUT,
            keep_alive_config=KEEP_ALIVE,
            data_converter=converter,
            interceptors=interceptors(),
        )
        return cls(connect, namespace, more)

    @classmethod
    def over(cls, client: Client, more: Sequence[str] = ()) -> "TemporalLink":
        """Return a link over an existing connection."""

        async def connected() -> Client:
            return client

        return cls(connected, client.namespace, more)

    def allowed(self, namespace: str | None) -> str:
        """Return ``namespace``, or the default namespace if it is None.

        Raises:
            UsageError: it is not allowed.
        """
        name = namespace or self.namespace
        if name not in self.namespaces:
            raise UsageError(
                f"The Temporal namespace {name} is not allowed here.",
                "Leave temporal-namespace out, or add it to DOCMILL_TEMPORAL_NAMESPACES.",
            )
        return name

    async def batches(self, namespace: str | None = None) -> BatchClient:
        """Return the client for ``namespace``, or for the default namespace; connect at first use.

        Raises:
            UsageError: the namespace is not allowed.
            UnavailableError: Temporal cannot be reached.
        """
        name = self.allowed(namespace)
        if self.namespace not in self._clients:
            try:
                self._clients[self.namespace] = BatchClient(await self._connect())
            except RuntimeError as error:
                raise UnavailableError("Temporal cannot be reached.") from error
        if name not in self._clients:
            config = self._clients[self.namespace].temporal.config()
            config["namespace"] = name
            self._clients[name] = BatchClient(Client(**config))
        return self._clients[name]

    async def ping(self) -> None:
        """Check that Temporal answers.

        Raises:
            UnavailableError: it does not.
        """
        client = (await self.batches()).temporal
        try:
            await client.service_client.check_health(timeout=READY_TIMEOUT)
        except RPCError as error:
            raise UnavailableError("Temporal cannot be reached.") from error

    async def check_worker(self) -> None:
        """Check that a worker that gets batches has polled in the last minutes.

        Raises:
            UnavailableError: none has, for example because no version is current, or Temporal
                cannot be reached.
        """
        if not (await self.queue(BATCH_QUEUE, QueueType.WORKFLOW)).pollers:
            raise UnavailableError(
                "No worker polls for batches.", "Start a worker: worker.py, or `docmill worker`."
            )
        if (problem := await unserved((await self.batches()).temporal)) is not None:
            raise UnavailableError(problem.message, problem.hint)

    async def stalled_batches(self, deployment: str) -> int:
        """Return how many batches wait for workers of a former version, in the default namespace.

        Args:
            deployment: of the workers; empty if they have no versions.

        Raises:
            UnavailableError: Temporal cannot be reached.
        """
        if not deployment:
            return 0
        deployments = Deployments((await self.batches()).temporal, deployment)
        try:
            return (await deployments.describe()).stalled_batches
        except NotFoundError:  # no worker with a version has polled yet
            return 0

    async def queue(self, name: str, kind: QueueType) -> QueueState:
        """Return the state of a task queue in the default namespace.

        Raises:
            UnavailableError: Temporal cannot be reached.
        """
        client = (await self.batches()).temporal
        request = DescribeTaskQueueRequest(
            namespace=self.namespace,
            task_queue=TaskQueue(name=name),
            task_queue_type=_QUEUE_TYPES[kind],
            report_stats=True,
        )
        try:
            found = await client.workflow_service.describe_task_queue(
                request, timeout=READY_TIMEOUT
            )
        except RPCError as error:
            raise UnavailableError("Temporal cannot be reached.") from error
        stats = found.stats
        return QueueState(
            stats.approximate_backlog_count,
            stats.approximate_backlog_age.ToNanoseconds() / 1e9,
            len(found.pollers),
        )
