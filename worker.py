"""The worker process: opens settings, stores and engines, and runs the Temporal workers."""

import gc

if __name__ == "__main__":
    gc.disable()  # loading modules creates no garbage, and collections take a seventh of the start

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.runtime import Runtime
from temporalio.worker import Worker, WorkerDeploymentConfig

from activities.admission import AdmissionActivities
from activities.batches import BatchActivities, BatchDescriber
from activities.deliveries import DeliveryActivities
from activities.exports import ExportActivities
from activities.groups import GroupActivities
from activities.items import ItemActivities
from activities.pages import ListingActivities
from activities.resources import Resources
from activities.retention import RetentionActivities
from activities.syncs import SyncActivities
from docmill.batches.exports import ExportService
from docmill.batches.reconcile import Reconciler
from docmill.batches.service import BatchService
from docmill.batches.sync import SyncService
from docmill.contracts.names import (
    BATCH_QUEUE,
    DELIVERIES_QUEUE,
    LOCAL_ENGINES_QUEUE,
    LOCAL_GROUPS_QUEUE,
    REMOTE_ENGINES_QUEUE,
)
from docmill.embedded.addresses import Addresses
from docmill.embedded.child import ORPHAN_FLAG, parent_exited, report_failure
from docmill.embedded.connect import connect_named, connect_to
from docmill.embedded.home import Home
from docmill.embedded.members import Membership
from docmill.engines.choice import configured
from docmill.errors import DocmillError, UsageError
from docmill.isolation import trees
from docmill.isolation.families import kill_marked
from docmill.isolation.pool import BUILTIN_ENGINES, EnginePool
from docmill.isolation.sandbox.confinement import Reuse, available
from docmill.isolation.survey import REPAIR_HINT, EngineSuite, chosen_suite
from docmill.logs import configure_logs
from docmill.metrics import catalogue
from docmill.metrics.observer import Observer, StuckBatches
from docmill.metrics.worker import WorkerMetrics, expose
from docmill.objects.base import ObjectStore
from docmill.objects.open import open_store
from docmill.objects.staging import Staging
from docmill.outbound.fence import Fence
from docmill.processing.engines import ItemEngines
from docmill.processing.slices import SlicedItems
from docmill.records.database import Database
from docmill.records.projects import Projects
from docmill.records.scope import EVERY_PROJECT
from docmill.remote.base import RemoteEngine, open_engines
from docmill.remote.limits import HostLimits
from docmill.settings import Settings, load_settings
from docmill.temporal.connections import TemporalLink
from docmill.temporal.payloads import data_converter
from docmill.temporal.preflight import build_id, check_histories, version_id
from docmill.temporal.sandbox import sandbox_for
from docmill.temporal.schedules import ensure_retention
from docmill.temporal.search_attributes import has_search_attributes
from docmill.tracing.spans import interceptors, trace_statements, tracing
from docmill.upkeep.leftovers import Leftovers
from docmill.webhooks.outbox import Notifier
from docmill.webhooks.rounds import Rounds
from docmill.webhooks.sender import Sender
from workflows.batch import BatchWorkflow
from workflows.delivery import DeliveryWorkflow
from workflows.export import ExportWorkflow
from workflows.retention import RetentionWorkflow
from workflows.sync import SyncWorkflow

GRACE = timedelta(seconds=5)
"""A stopping worker lets its items run for this time, and hands back the rest."""

STICKY_TIMEOUT = timedelta(seconds=2)
"""After a worker is killed, its workflows wait this long for it before another one continues."""

HEARTBEAT_THROTTLE = timedelta(seconds=1)
"""Otherwise the SDK delays heartbeats, and with them cancels, for most of the timeout."""

BOOKKEEPING_SLOTS = 20
"""Concurrent listing and recording activities: short transactions of many batches."""

DELIVERY_SLOTS = 1000
"""Concurrent webhook endpoints, which mostly wait for receivers, and exports, which wait for their
batches."""

log = structlog.get_logger(__name__)


def _warn_without_secret_key(database: Database) -> None:
    """Warn that secrets are stored as they are; encrypted ones cannot be read without the key."""
    try:
        database.check_secret_key()
    except UsageError as error:
        log.warning("worker.no_secret_key", reason=error.message, hint=error.hint)


@asynccontextmanager
async def running_worker(
    client: Client, settings: Settings, engines: str = BUILTIN_ENGINES
) -> AsyncIterator[None]:
    """Run a worker while the block runs, and shut it down gracefully.

    Args:
        client: a client with the data converter of these settings.
        settings: settings of records, objects and engines.
        engines: ``module:function`` that returns the registry of engines in child processes.

    Raises:
        UnavailableError: the database or the object store cannot be reached.
    """
    async with AsyncExitStack() as stack:
        metrics = WorkerMetrics.of(client)
        database = Database.of(settings, EVERY_PROJECT)
        database.on_settled = metrics.outcomes.count if metrics.enabled else None
        stack.push_async_callback(database.close)
        await database.migrate()
        trace_statements(database.engines)
        _warn_without_secret_key(database)
        async with database.write() as session:
            await Projects(session).ensure_default()
        store = open_store(settings.store)
        stack.callback(store.close)
        scratch = Staging.below(settings.scratch)
        stack.callback(scratch.close)
        suite, pool = await _local_engines(stack, settings, engines)
        hosts = HostLimits(settings.remote_concurrency, settings.remote_rate)
        remote = open_engines(settings, configured(settings), hosts)
        for engine in remote.values():
            stack.push_async_callback(engine.close)
        local = SlicedItems(pool, database, store, settings)
        items = ItemEngines(database, local, suite, remote, settings)
        link = TemporalLink.over(client, settings.temporal_namespaces)
        if metrics.enabled:
            items = replace(items, on_ran=metrics.engine_ran)
            observer = _observer(metrics, database, link, settings, pool=pool, hosts=hosts)
            await observer.observe()  # the first items need the names of projects
            await stack.enter_async_context(observer.observing())
        await stack.enter_async_context(Leftovers(database, store, remote).sweeping())
        resources = Resources(database, store, items, scratch, settings)
        processing, groups = ItemActivities(resources), GroupActivities(resources)
        pinned = _versioning(settings, VersioningBehavior.PINNED)
        for queue, run, slots in _engine_queues(settings, remote, processing, groups):
            await stack.enter_async_context(_engine_worker(client, queue, run, slots, pinned))
        reconciler = Reconciler(database, store, settings, link)
        await stack.enter_async_context(reconciler.sweeping())
        describer = BatchDescriber(
            database, settings, attributes=await has_search_attributes(client)
        )
        batches = BatchActivities(database, store, settings, describer)
        admission = AdmissionActivities(database, reconciler, describer, settings)
        listing = ListingActivities(database, items.version_of, items.costs)
        await stack.enter_async_context(_batch_worker(client, listing, batches, admission, pinned))
        await stack.enter_async_context(running_deliveries(client, database, store, settings))
        yield


def _observer(
    metrics: WorkerMetrics,
    database: Database,
    link: TemporalLink,
    settings: Settings,
    *,
    pool: EnginePool,
    hosts: HostLimits,
) -> Observer:
    """Return the observer of the gauges of this worker and of the services that it uses."""
    level = available(settings.sandbox, bubblewrap=settings.sandbox_bubblewrap).level

    def publish_own() -> None:
        metrics.set(catalogue.ENGINE_SLOTS, pool.children)
        metrics.set(catalogue.ENGINE_SLOTS_USED, pool.busy)
        metrics.set(catalogue.SANDBOX_LEVEL, 1, level)
        for host, limit in hosts.known.items():
            metrics.set(catalogue.REMOTE_ALLOWED, limit.allowed, host)
            metrics.set(catalogue.REMOTE_IN_FLIGHT, limit.in_flight, host)

    return Observer(
        metrics,
        database,
        link,
        stuck=StuckBatches(settings.stuck_seconds),
        projects=metrics.projects,
        deployment=settings.worker_deployment,
        own=publish_own,
    )


async def _local_engines(
    stack: AsyncExitStack, settings: Settings, engines: str
) -> tuple[EngineSuite, EnginePool]:
    """Open the pool of this worker's engines; ``stack`` closes it."""
    folders = Staging.below(settings.scratch / "engines", _end_family)
    stack.callback(folders.close)
    suite = await _suite(settings, engines, folders)
    pool = EnginePool(
        settings.engine_slots,
        engines=suite.engines,
        new_folder=folders.make,
        confinement=available(settings.sandbox, bubblewrap=settings.sandbox_bubblewrap),
        reuse=Reuse(settings.sandbox_reuse),
    )
    await stack.enter_async_context(pool)
    pool.prepare()  # it starts in parallel
    return suite, pool


def _end_family(folder: Path) -> None:
    """Kill processes that outlived a killed worker and its guard, and delete their files."""
    kill_marked(str(folder))
    trees.remove(folder)


async def _suite(settings: Settings, engines: str, folders: Staging) -> EngineSuite:
    """Return the engines of this worker. A broken third-party engine is logged and left out."""
    if engines != BUILTIN_ENGINES:
        return EngineSuite(engines=engines)
    with folders.folder() as folder:
        suite = await chosen_suite(settings.engines_allow, settings.engines_prefer, folder)
    for engine in suite.sound:
        log.info(
            "engine.loaded", engine=engine.name, version=engine.version, sandbox=engine.sandbox
        )
    for name, trouble in suite.broken.items():
        log.error("engine.left_out", engine=name, reason=trouble, hint=REPAIR_HINT)
    return suite


def _engine_queues(
    settings: Settings,
    remote: Mapping[str, RemoteEngine],
    processing: ItemActivities,
    groups: GroupActivities,
) -> Iterator[tuple[str, Callable[..., Awaitable[object]], int]]:
    """Yield the task queues of this worker with their activity and number of slots.

    Without an endpoint it takes no remote items, which other workers may take. Groups have one slot
    more than child processes: while one stores and records, another uses its process.
    """
    yield LOCAL_ENGINES_QUEUE, processing.process_item, settings.item_slots
    yield LOCAL_GROUPS_QUEUE, groups.process_group, settings.engine_slots + 1
    if remote:
        yield REMOTE_ENGINES_QUEUE, processing.process_item, settings.remote_slots


def _versioning(settings: Settings, behavior: VersioningBehavior) -> dict[str, Any]:
    """Return the options of a worker's version.

    The behavior belongs to a worker, since Temporal rejects workflows with one from workers
    without versioning.
    """
    if not settings.worker_deployment:
        return {"build_id": build_id()}
    version = WorkerDeploymentVersion(
        settings.worker_deployment, settings.worker_build_id or version_id()
    )
    config = WorkerDeploymentConfig(
        version, use_worker_versioning=True, default_versioning_behavior=behavior
    )
    return {"deployment_config": config}


def _engine_worker(
    client: Client,
    queue: str,
    run: Callable[..., Awaitable[object]],
    slots: int,
    versioning: dict[str, Any],
) -> Worker:
    """Return a worker with a fixed number of activity slots."""
    return Worker(
        client,
        task_queue=queue,
        activities=[run],
        max_concurrent_activities=slots,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=GRACE,
        **versioning,
    )


def _batch_worker(
    client: Client,
    listing: ListingActivities,
    batches: BatchActivities,
    admission: AdmissionActivities,
    versioning: dict[str, Any],
) -> Worker:
    """Return the worker for workflows and bookkeeping, which never waits for an engine."""
    return Worker(
        client,
        task_queue=BATCH_QUEUE,
        workflows=[BatchWorkflow],
        workflow_runner=sandbox_for(client.data_converter),
        activities=[
            listing.next_page,
            batches.open_batch,
            admission.admit_batch,
            batches.record_state,
            batches.record_lost_item,
            batches.close_batch,
        ],
        max_concurrent_activities=BOOKKEEPING_SLOTS,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=GRACE,
        **versioning,
    )


@asynccontextmanager
async def running_deliveries(
    client: Client, database: Database, store: ObjectStore, settings: Settings
) -> AsyncIterator[None]:
    """Run webhook deliveries, the outbox relay, retention, syncs and exports."""
    rounds = Rounds(
        database,
        Sender(Fence.allowing(settings.fence_allow)),
        keep_trying=timedelta(days=settings.webhook_give_up_days),
    )
    link = TemporalLink.over(client, settings.temporal_namespaces)
    batches = BatchService(database, store, settings, link)
    syncs = SyncActivities(SyncService(database, store, settings, batches))
    # Deliveries, syncs and exports can wait for days, and would keep workers of an old version.
    versioning = _versioning(settings, VersioningBehavior.AUTO_UPGRADE)
    worker = Worker(
        client,
        task_queue=DELIVERIES_QUEUE,
        workflows=[DeliveryWorkflow, ExportWorkflow, RetentionWorkflow, SyncWorkflow],
        workflow_runner=sandbox_for(client.data_converter),
        activities=[
            DeliveryActivities(rounds).deliver_due,
            RetentionActivities(database, store, settings).retain,
            syncs.begin_sync,
            syncs.finish_sync,
            ExportActivities(ExportService(database, store, settings)).export_batch,
        ],
        max_concurrent_activities=DELIVERY_SLOTS,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=GRACE,
        **versioning,
    )
    await ensure_retention(client)
    async with worker:
        notifying = asyncio.create_task(Notifier(database, client).run())
        try:
            yield
        finally:
            notifying.cancel()
            await asyncio.wait([notifying])


async def _serve_health(stack: AsyncExitStack, address: str, polling: asyncio.Event) -> None:
    """Answer probes at ``address``, if there is one, until ``stack`` ends."""
    if address:
        from docmill.metrics.health import serving_health  # noqa: PLC0415 - it loads uvicorn

        await stack.enter_async_context(serving_health(address, polling))


async def work(*, tied: bool = False, engines: str = BUILTIN_ENGINES) -> None:
    """Run a worker with the settings of the environment until a stop signal.

    Args:
        tied: whether it belongs to the embedded server of the home, and ends with its parent.
        engines: ``module:function`` that returns the registry of engines in child processes.
    """
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    converter = data_converter(settings)
    log.info(
        "worker.starting",
        sandbox=str(available(settings.sandbox, bubblewrap=settings.sandbox_bubblewrap)),
        payloads="plain" if converter.payload_codec is None else "encrypted",
    )
    if address := settings.worker_metrics_address:
        Runtime.set_default(expose(address))  # before the first client, which would create another
    stop, polling = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    async with AsyncExitStack() as stack:
        stack.enter_context(tracing(settings.otlp_endpoint, "docmill-worker"))
        await _serve_health(stack, settings.worker_health_address, polling)
        addresses: Addresses | None = None
        if tied:
            addresses = await stack.enter_async_context(Membership(Home(settings.home)))
            orphaned = asyncio.create_task(parent_exited())
            orphaned.add_done_callback(lambda _: stop.set())
            stack.callback(orphaned.cancel)
        client = await (
            connect_to(addresses.grpc, converter) if addresses else connect_named(converter)
        )
        versioned = bool(settings.worker_deployment)
        replayed = await check_histories(client, BatchWorkflow, versioned=versioned)
        log.info("worker.preflight", replayed=replayed)
        # Until here SIGTERM ends the process at once: there is nothing to hand back.
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        config = client.config()
        config["interceptors"] = interceptors()
        client = Client(**config)
        await stack.enter_async_context(running_worker(client, settings, engines))
        polling.set()
        log.info("worker.ready", slots=settings.engine_slots, namespace=client.namespace)
        await stop.wait()
        polling.clear()
        log.info("worker.stopping")
    log.info("worker.stopped")


def main() -> int:
    """Run a worker until it is stopped; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        ORPHAN_FLAG,
        action="store_true",
        dest="tied",
        help="stop when standard input ends; used by the command that started this worker",
    )
    gc.freeze()  # loaded modules are excluded from collections
    gc.enable()
    tied = parser.parse_args().tied
    try:
        asyncio.run(work(tied=tied))
    except DocmillError as error:
        log.error("worker.failed", reason=error.message, hint=error.hint)
        if tied:
            report_failure(error)
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # A process with a Temporal client can abort in the interpreter's shutdown, after all work is
    # done. Leaving here keeps the exit code.
    os._exit(code)
