"""Worker deployments of Temporal: which version of the workers new and continued batches get.

With worker versioning a batch stays on the version of the workers that began its run (pinned), and
moves to the current version when it continues as new. Retention, syncs and webhook deliveries move
at once (auto-upgrade). https://docs.temporal.io/worker-versioning
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.deployment.v1 import WorkerDeploymentInfo, WorkerDeploymentVersion
from temporalio.api.enums.v1 import (
    RoutingConfigUpdateState,
    TaskQueueType,
    WorkerDeploymentVersionStatus,
    WorkerVersioningMode,
)
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeTaskQueueResponse,
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
    UpdateWorkflowExecutionOptionsRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from docmill.client import RPC_TIMEOUT
from docmill.contracts.names import BATCH_QUEUE, BATCH_WORKFLOW
from docmill.errors import ConflictError, DocmillError, NotFoundError, UnavailableError, UsageError

UNVERSIONED = ""
"""Build id that Temporal uses for workers without a version."""

FRESH = timedelta(seconds=120)
"""A worker that polled longer ago is gone: a poll takes up to 60 s, and Temporal lists its poller
for 5 minutes."""

POLL_SECONDS = 0.2
"""Interval of the reads while a command waits for workers or for the routing."""

ROUTING_SECONDS = 15.0
"""Maximum wait until all task queues know a change of the routing. It takes about a second; once a
server reported it as unfinished for half a minute."""


class VersionStatus(StrEnum):
    """The states of a version, in Temporal's words."""

    CREATED = "created"
    INACTIVE = "inactive"
    CURRENT = "current"
    RAMPING = "ramping"
    DRAINING = "draining"
    DRAINED = "drained"


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the workers.

    Attributes:
        build_id: its id.
        status: draining while open workflows are pinned to it, refreshed by Temporal every few
            minutes; ``batches`` is newer.
        percentage: part of the new workflows that a ramping version gets.
        workers: worker processes that polled for batches in the last two minutes.
        batches: running batches on this version.
    """

    build_id: str
    status: VersionStatus
    percentage: float
    workers: int
    batches: int

    @property
    def is_serving(self) -> bool:
        """Whether it gets new batches."""
        return self.status in (VersionStatus.CURRENT, VersionStatus.RAMPING)

    @property
    def is_stalled(self) -> bool:
        """Whether batches wait for workers of a version that gets no new ones."""
        return bool(self.batches) and not self.workers and not self.is_serving


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps batches from running, and what to do."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """The state of a worker deployment.

    Attributes:
        name: its name.
        current: build id of the current version; None means workers without a version.
        versions: all versions that Temporal knows, the newest first.
        unversioned_workers: workers without a version that polled in the last two minutes.
    """

    name: str
    current: str | None
    versions: tuple[Version, ...]
    unversioned_workers: int

    def version(self, build_id: str) -> Version | None:
        """Return a version; None if no worker of it has polled."""
        return next((one for one in self.versions if one.build_id == build_id), None)

    def problems(self) -> list[Problem]:
        """Return what keeps batches from running."""
        found = []
        if self.current is None and not self.unversioned_workers:
            found.append(
                Problem(
                    f"No version of {self.name} is current: new batches wait.",
                    "Make one current: deployments set-current BUILD_ID.",
                )
            )
        if self.current is not None and self.unversioned_workers:
            found.append(
                Problem(
                    f"{self.unversioned_workers} workers without a version get no tasks: the "
                    f"version {self.current} is current.",
                    "Stop them, or start them with DOCMILL_WORKER_DEPLOYMENT.",
                )
            )
        for version in self.versions:
            if version.is_stalled:
                found.append(
                    Problem(
                        f"{version.batches} batches wait for workers of the version "
                        f"{version.build_id}, which has none.",
                        "Start workers of this version again, or move the batches: deployments "
                        f"move --from {version.build_id}.",
                    )
                )
            elif version.is_serving and not version.workers:
                found.append(
                    Problem(
                        f"The {version.status} version {version.build_id} has no workers.",
                        "Start workers of it, or make another version current.",
                    )
                )
        return found

    @property
    def stalled_batches(self) -> int:
        """Batches on versions without workers that get no new batches."""
        return sum(version.batches for version in self.versions if version.is_stalled)


_STATUSES = {
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_CREATED: VersionStatus.CREATED,
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT: VersionStatus.CURRENT,
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING: VersionStatus.RAMPING,
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING: VersionStatus.DRAINING,
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED: VersionStatus.DRAINED,
}


class Deployments:
    """The worker deployment of a namespace.

    Every method raises `UnavailableError` if Temporal cannot be reached, and `NotFoundError` if no
    worker of the deployment, or of the version, has polled yet.
    """

    def __init__(self, client: Client, name: str) -> None:
        """Use the deployment ``name`` in the namespace of ``client``."""
        self.name = name
        self._client = client

    async def describe(self) -> Deployment:
        """Return its current state."""
        info = await self._info()
        pollers = await self._pollers()
        routing = info.routing_config
        build_ids = [one.deployment_version.build_id for one in info.version_summaries]
        batches = await asyncio.gather(*map(self._count_batches, build_ids))
        ramping = routing.ramping_deployment_version.build_id
        versions = tuple(
            Version(
                build_id,
                _STATUSES.get(one.status, VersionStatus.INACTIVE),
                routing.ramping_version_percentage if build_id == ramping else 0.0,
                len(pollers.get(build_id, ())),
                count,
            )
            for build_id, one, count in zip(build_ids, info.version_summaries, batches, strict=True)
        )
        current = routing.current_deployment_version.build_id or None
        return Deployment(self.name, current, versions, len(pollers.get(UNVERSIONED, ())))

    async def set_current(self, build_id: str) -> bool:
        """Give new batches, and those that continue as new, to a version; end a ramp.

        Args:
            build_id: of the version; `UNVERSIONED` for workers without a version.

        Returns:
            Whether all task queues know it; otherwise they soon will.

        Raises:
            ConflictError: no worker of it polls, or not all task queues of the current version.
        """
        if not await self._workers_of(build_id):
            raise _no_workers(build_id)
        unversioned = build_id == UNVERSIONED
        try:
            await self._client.workflow_service.set_worker_deployment_current_version(
                SetWorkerDeploymentCurrentVersionRequest(
                    namespace=self._client.namespace,
                    deployment_name=self.name,
                    build_id=build_id,
                    identity=self._client.identity,
                    # Temporal keeps no list of what workers without a version poll.
                    allow_no_pollers=unversioned,
                    ignore_missing_task_queues=unversioned,
                ),
                timeout=RPC_TIMEOUT,
            )
        except RPCError as error:
            raise _translated(error, self.name) from None
        return await self._until_routed()

    async def ramp(self, build_id: str, percentage: float) -> bool:
        """Give a part of the new batches to a version; 0 ends the ramp.

        Returns:
            Whether all task queues know it; otherwise they soon will.

        Raises:
            ConflictError: no worker of it polls, or not all task queues of the current version.
        """
        if percentage and not await self._workers_of(build_id):
            raise _no_workers(build_id)
        try:
            await self._client.workflow_service.set_worker_deployment_ramping_version(
                SetWorkerDeploymentRampingVersionRequest(
                    namespace=self._client.namespace,
                    deployment_name=self.name,
                    build_id=build_id if percentage else UNVERSIONED,
                    percentage=percentage,
                    identity=self._client.identity,
                ),
                timeout=RPC_TIMEOUT,
            )
        except RPCError as error:
            raise _translated(error, self.name) from None
        return await self._until_routed()

    async def batches_on(self, build_id: str) -> AsyncIterator[str]:
        """Yield the ids of the running batches on a version."""
        try:
            async for execution in self._client.list_workflows(self._query(build_id)):
                yield execution.id
        except RPCError as error:
            raise _translated(error, self.name) from None

    async def move(self, batch_id: str, build_id: str) -> None:
        """Continue a running batch on another version, which replays its history.

        The override ends with the next workflow task, so that the batch is pinned to that version
        like those that began there.

        Raises:
            NotFoundError: the batch does not run.
            ConflictError: the server does not support this override.
        """
        target = WorkerDeploymentVersion(deployment_name=self.name, build_id=build_id)
        once = VersioningOverride.OneTimeOverride(target_deployment_version=target)
        try:
            answer = await self._client.workflow_service.update_workflow_execution_options(
                UpdateWorkflowExecutionOptionsRequest(
                    namespace=self._client.namespace,
                    workflow_execution=WorkflowExecution(workflow_id=batch_id),
                    workflow_execution_options=WorkflowExecutionOptions(
                        versioning_override=VersioningOverride(one_time=once)
                    ),
                    update_mask=FieldMask(paths=["versioning_override"]),
                    identity=self._client.identity,
                ),
                timeout=RPC_TIMEOUT,
            )
        except RPCError as error:
            raise _translated(error, batch_id) from None
        if not answer.workflow_execution_options.versioning_override.HasField("one_time"):
            raise ConflictError(
                "This Temporal server cannot move a batch once.",
                "Upgrade it to 1.32, or pin the batch: temporal workflow update-options.",
            )

    async def _info(self) -> WorkerDeploymentInfo:
        try:
            found = await self._client.workflow_service.describe_worker_deployment(
                DescribeWorkerDeploymentRequest(
                    namespace=self._client.namespace, deployment_name=self.name
                ),
                timeout=RPC_TIMEOUT,
            )
        except RPCError as error:
            raise _translated(error, self.name) from None
        return found.worker_deployment_info

    async def _until_routed(self) -> bool:
        """Wait until all task queues know the routing; return whether they do."""
        states = RoutingConfigUpdateState
        deadline = asyncio.get_running_loop().time() + ROUTING_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            state = (await self._info()).routing_config_update_state
            if state != states.ROUTING_CONFIG_UPDATE_STATE_IN_PROGRESS:
                return True
            await asyncio.sleep(POLL_SECONDS)
        return False

    async def _workers_of(self, build_id: str) -> int:
        return len((await self._pollers()).get(build_id, ()))

    async def _pollers(self) -> dict[str, set[str]]:
        """Return the workers that polled for batches lately, by build id."""
        found = await _batch_queue(self._client)
        workers: dict[str, set[str]] = {}
        oldest = datetime.now(UTC) - FRESH
        for poller in found.pollers:
            if poller.last_access_time.ToDatetime(UTC) >= oldest:
                build_id = self._build_id_of(poller)
                if build_id is not None:
                    workers.setdefault(build_id, set()).add(poller.identity)
        return workers

    def _build_id_of(self, poller: PollerInfo) -> str | None:
        """Return the build id of a poller; None if it belongs to another deployment."""
        options = poller.deployment_options
        versioned = WorkerVersioningMode.WORKER_VERSIONING_MODE_VERSIONED
        if options.worker_versioning_mode != versioned:
            return UNVERSIONED
        return options.build_id if options.deployment_name == self.name else None

    async def _count_batches(self, build_id: str) -> int:
        try:
            return (await self._client.count_workflows(self._query(build_id))).count
        except RPCError as error:
            raise _translated(error, self.name) from None

    def _query(self, build_id: str) -> str:
        return (
            f"TemporalWorkerDeploymentVersion = '{self.name}:{build_id}' "
            f"AND WorkflowType = '{BATCH_WORKFLOW}' AND ExecutionStatus = 'Running'"
        )


async def unserved(client: Client) -> Problem | None:
    """Return why new batches wait although workers poll, or None.

    Needs no name of a deployment: the task queue knows its current version.

    Raises:
        UnavailableError: Temporal cannot be reached.
    """
    found = await _batch_queue(client)
    versioned = WorkerVersioningMode.WORKER_VERSIONING_MODE_VERSIONED
    options = [one.deployment_options for one in found.pollers]
    versions = {
        (one.deployment_name, one.build_id) if one.worker_versioning_mode == versioned else None
        for one in options
    }
    routing = found.versioning_info
    current = routing.current_deployment_version
    wanted = (current.deployment_name, current.build_id) if current.build_id else None
    if not versions or wanted in versions:
        return None
    if wanted is None:
        return Problem(
            "No version of the workers is current.", "Use deployments set-current BUILD_ID."
        )
    return Problem(
        f"No worker of the current version {current.build_id} polls.",
        "Start workers of it, or use deployments set-current.",
    )


async def _batch_queue(client: Client) -> DescribeTaskQueueResponse:
    try:
        return await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=client.namespace,
                task_queue=TaskQueue(name=BATCH_QUEUE),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            ),
            timeout=RPC_TIMEOUT,
        )
    except RPCError as error:
        raise _translated(error, BATCH_QUEUE) from None


async def once_workers_poll(change: Callable[[], Awaitable[bool]], patience: float) -> bool:
    """Repeat a change of the routing until the version's workers poll; return its result.

    Args:
        change: a call of `Deployments.set_current` or `Deployments.ramp`.
        patience: seconds to wait for the workers.

    Raises:
        ConflictError: they do not poll, or not for all task queues of the current version.
        NotFoundError: no worker of the version, or of the deployment, has ever polled.
        UnavailableError: Temporal cannot be reached.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    while True:
        try:
            return await change()
        except (ConflictError, NotFoundError):
            if loop.time() >= deadline:
                raise
            await asyncio.sleep(POLL_SECONDS)


def _no_workers(build_id: str) -> ConflictError:
    named = f"of the version {build_id}" if build_id else "without a version"
    return ConflictError(
        f"No worker {named} polls.", "Start its workers first, or check its name with list."
    )


def _translated(error: RPCError, name: str) -> DocmillError:
    match error.status:
        case RPCStatusCode.NOT_FOUND:
            return NotFoundError(
                f"Temporal does not know {name}: {error.message}.",
                "A deployment and its versions exist once their workers have polled.",
            )
        case RPCStatusCode.FAILED_PRECONDITION:
            return ConflictError(
                f"Temporal rejects the change: {error.message}.",
                "Wait until all workers of the version poll, and try again.",
            )
        case RPCStatusCode.INVALID_ARGUMENT:
            return UsageError(f"Temporal rejects the request: {error.message}.")
        case RPCStatusCode.UNIMPLEMENTED | RPCStatusCode.PERMISSION_DENIED:
            return UsageError(
                f"This Temporal server has no worker deployments: {error.message}.",
                "Upgrade the server, or unset DOCMILL_WORKER_DEPLOYMENT.",
            )
    return UnavailableError(
        f"Temporal did not answer ({error.status.name.lower()}).", "Check that the server runs."
    )
