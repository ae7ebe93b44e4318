"""Notifies the delivery workflows of endpoints about new events in the outbox.

An event is written to the outbox in the transaction of the change that it reports, when Temporal
may be unavailable. Therefore every worker polls the outbox, signals the workflows, and marks the
events as announced.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence

import structlog
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from docmill.client import RPC_TIMEOUT
from docmill.contracts.deliveries import DeliveryInput, WakeUp, delivery_workflow_id
from docmill.contracts.names import DELIVERIES_QUEUE, DELIVERY_WORKFLOW, WAKE_DELIVERY
from docmill.errors import UnavailableError
from docmill.records.database import Database
from docmill.records.deliveries import Deliveries
from docmill.records.tables.webhooks import URGENT, WebhookEvent

POLL_SECONDS = 1.0
"""Interval of the polls, and the maximum delay of an event."""
RECONCILE_SECONDS = 60.0
"""Interval of the search for waiting endpoints whose workflow was terminated or lost."""
CHUNK = 1_000

log = structlog.get_logger(__name__)


class Notifier:
    """Starts and signals the delivery workflows in the namespace of ``temporal``."""

    def __init__(self, database: Database, temporal: Client) -> None:
        self._database = database
        self._temporal = temporal
        self._reconciled = -RECONCILE_SECONDS

    async def run(self) -> None:
        """Poll the outbox until cancelled."""
        while True:
            try:
                await self.notify()
            except (UnavailableError, RPCError) as error:
                log.info("webhooks.waiting", reason=error.message)
            except Exception:
                log.exception("webhooks.notify_failed")
            await asyncio.sleep(POLL_SECONDS)

    async def notify(self) -> None:
        """Signal the workflows of new events; every `RECONCILE_SECONDS` start missing workflows.

        Raises:
            UnavailableError: the database is unavailable.
            RPCError: Temporal is unavailable.
        """
        while await self._notify_some():
            pass
        if time.monotonic() - self._reconciled >= RECONCILE_SECONDS:
            await self._reconcile()
            self._reconciled = time.monotonic()

    async def _notify_some(self) -> bool:
        """Notify about one chunk of events; return whether there may be more."""
        async with self._database.read() as session:
            new = await Deliveries(session).unannounced(self._temporal.namespace, CHUNK)
        by_endpoint: dict[str, list[WebhookEvent]] = defaultdict(list)
        for event in new:
            by_endpoint[event.endpoint_id].append(event)
        for endpoint_id, events in by_endpoint.items():
            await self._wake(endpoint_id, events)
        return len(new) == CHUNK

    async def _wake(self, endpoint_id: str, events: Sequence[WebhookEvent]) -> None:
        call = WakeUp(urgent=any(event.turn == URGENT for event in events))
        await self._start(endpoint_id, call)
        async with self._database.write() as session:
            await Deliveries(session).mark_announced([event.id for event in events])

    async def _reconcile(self) -> None:
        async with self._database.read() as session:
            endpoints = await Deliveries(session).waiting_endpoints(self._temporal.namespace)
        for endpoint_id in endpoints:
            await self._start(endpoint_id)

    async def _start(self, endpoint_id: str, call: WakeUp | None = None) -> None:
        """Start the endpoint's workflow unless it runs, and signal it with ``call``."""
        await self._temporal.start_workflow(
            DELIVERY_WORKFLOW,
            DeliveryInput(endpoint_id=endpoint_id),
            id=delivery_workflow_id(endpoint_id),
            task_queue=DELIVERIES_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary="Docmill webhooks",
            start_signal=WAKE_DELIVERY if call else None,
            start_signal_args=[call] if call else [],
            rpc_timeout=RPC_TIMEOUT,
        )
