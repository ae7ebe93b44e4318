"""Connections to a Temporal server: one that the user names, or the embedded server of a home."""

import os
from collections.abc import Collection

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, GrpcCompression
from temporalio.converter import DataConverter
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

from docmill.client import KEEP_ALIVE
from docmill.errors import UnavailableError, UsageError


async def connect_named(converter: DataConverter, profile: str | None = None) -> Client:
    """Connect to the server that the environment or ``profile`` names.

    Args:
        converter: the data converter of this process.
        profile: of Temporal's configuration file.

    Raises:
        UsageError: the profile or the environment is invalid.
        UnavailableError: no server answers at the address.
    """
    chosen = profile or os.environ.get("TEMPORAL_PROFILE")
    try:
        config = ClientConfig.load_client_connect_config(
            profile=chosen, disable_file=chosen is None
        )
    except RuntimeError as error:
        raise UsageError(
            f"The Temporal settings cannot be read: {error}.",
            "Correct the TEMPORAL_* variables or Temporal's configuration file.",
        ) from None
    if "target_host" not in config:
        raise UsageError(
            f"The profile {chosen} has no address.", "Add an address to it in Temporal's file."
        )
    try:
        return await Client.connect(
            **config, data_converter=converter, keep_alive_config=KEEP_ALIVE
        )
    except RuntimeError as error:
        raise UnavailableError(
            f"No Temporal server answers at {config['target_host']}: {error}",
            "Start it, or unset TEMPORAL_ADDRESS to use the embedded server.",
        ) from None


async def connect_to(address: str, converter: DataConverter) -> Client:
    """Connect to an embedded server.

    Compression is disabled for a process on the same machine: gzip, the SDK's default, takes a
    tenth of the CPU time of an activity on both sides.

    Args:
        address: of the server.
        converter: the data converter of this process.

    Raises:
        UnavailableError: no server answers at ``address``.
    """
    try:
        return await Client.connect(
            address,
            data_converter=converter,
            keep_alive_config=KEEP_ALIVE,
            grpc_compression=GrpcCompression.NONE,
        )
    except RuntimeError as error:
        raise UnavailableError(
            f"The embedded Temporal server does not answer at {address}: {error}",
            "Run the command doctor.",
        ) from None


async def answers(address: str, attributes: Collection[str]) -> bool:
    """Whether a server with these search attributes answers at ``address``."""
    try:
        client = await Client.connect(address)
        found = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except (RPCError, RuntimeError):
        return False
    return set(attributes) <= set(found.custom_attributes)


async def pollers(client: Client, queue: str) -> list[str]:
    """Return the identities of the workers that polled ``queue`` in the last minutes."""
    described = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    return [poller.identity for poller in described.pollers]
