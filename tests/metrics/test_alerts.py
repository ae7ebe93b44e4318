"""The alert rules and the dashboard name metrics that exist, and alerts fire under their faults.

The faults are real: a worker that is killed, engine processes that hang, files that fail, a
database that stops. Metrics are scraped before and during each, and promtool evaluates the rules
over these values. Four faults share one worker and one API, whose observations are 5 s apart.
"""

import re
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from temporalio.testing import WorkflowEnvironment

from docmill.embedded.addresses import free_port
from docmill.metrics.catalogue import METRICS
from docmill.records.database import Database
from docmill.records.scope import EVERY_PROJECT
from tests.fixtures.api import ApiServer
from tests.fixtures.keys import SECRET_KEY
from tests.fixtures.mill import Mill, settings_for, write_texts
from tests.fixtures.worker_process import worker_process
from tests.house.code import ROOT
from tests.metrics.rules import (
    ALERTS,
    Scrapes,
    checked,
    fired,
    metrics_in,
    panel_expressions,
    promtool,
    rules,
)
from tests.metrics.scrape import Scrape, scrape, until_scraped

pytestmark = pytest.mark.integration

NO_WORKERS, QUEUE_GROWS, STUCK = "DocmillNoWorkers", "DocmillQueueGrows", "DocmillBatchStuck"
DATABASE_AWAY, FAILURES = "DocmillDatabaseAway", "DocmillFailuresAboveNormal"


@dataclass
class Faults:
    """Scrapes of a worker and an API before and during four faults."""

    calm: Scrapes
    failing: Scrapes
    hanging: Scrapes
    growing: Scrapes
    killed: Scrapes


def _broken(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}.pdf").write_bytes(b"%PDF-1.4\n no such thing " + str(number).encode())
    return folder


def _is_polled(found: Scrape) -> bool:
    return found.sum("docmill_queue_pollers", task_queue="docmill", type="workflow") > 0


def _grows(before: Scrape, now: Scrape) -> bool:
    names = ("docmill_items_waiting", "docmill_queue_age_seconds")
    return all(now.sum(name) > before.sum(name) for name in names)


@pytest.fixture(scope="module")
async def faults(
    dev_server: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> Faults:
    """Run a worker and an API through four faults."""
    folder = tmp_path_factory.mktemp("faults")
    settings = settings_for(folder, f"sqlite+aiosqlite:///{folder / 'records.db'}")
    database = Database(settings.database, EVERY_PROJECT)
    mill = Mill(dev_server.client, database, settings)
    worker, api = (f"127.0.0.1:{free_port()}" for _ in range(2))
    environment = {
        "DOCMILL_DATABASE_URL": mill.settings.database,
        "DOCMILL_STUCK_SECONDS": "2",
        "TEMPORAL_ADDRESS": dev_server.client.service_client.config.target_host,
    }

    async def both() -> Scrapes:
        return {"docmill-worker": await scrape(worker), "docmill-api": await scrape(api)}

    with ApiServer(mill.settings.home, DOCMILL_API_METRICS_ADDRESS=api, **environment) as server:
        async with worker_process(
            mill, DOCMILL_WORKER_METRICS_ADDRESS=worker, DOCMILL_STUCK_SECONDS="2"
        ) as process:
            await mill.run(write_texts(folder / "good", 12))
            for address in (worker, api):
                await until_scraped(address, _is_polled)
            calm = await both()

            await mill.run(_broken(folder / "broken", 12))
            async with httpx.AsyncClient(base_url=server.url) as client:
                await client.get("/healthz")
            failing = await both()

            children = psutil.Process(process.pid).children(recursive=True)
            for child in children:
                child.suspend()
            await mill.start(write_texts(folder / "hung", 20), items_per_activity=1)
            await until_scraped(api, lambda it: it.sum("docmill_batches_stuck") == 1)
            hanging = await both()
            await mill.start(write_texts(folder / "more", 20), items_per_activity=1)
            await until_scraped(api, lambda it: _grows(hanging["docmill-api"], it))
            growing = await both()

            process.send_signal(signal.SIGKILL)
            await process.wait()
            for child in children:  # so that the worker's guard ends them, and itself
                with suppress(psutil.NoSuchProcess):
                    child.resume()
            killed = {"docmill-api": await scrape(api)}
    async for execution in dev_server.client.list_workflows("ExecutionStatus = 'Running'"):
        await dev_server.client.get_workflow_handle(execution.id).terminate("the test is over")
    await database.close()
    return Faults(calm, failing, hanging, growing, killed)


def test_files_that_fail_fire_their_alert(faults: Faults, tmp_path: Path) -> None:
    assert fired(tmp_path, faults.calm, faults.failing) == {FAILURES}


def test_failures_that_are_normal_fire_no_alert(faults: Faults, tmp_path: Path) -> None:
    assert fired(tmp_path, faults.failing, faults.failing) == set()


def test_hanging_engines_fire_the_alert_of_a_stuck_batch(faults: Faults, tmp_path: Path) -> None:
    assert fired(tmp_path, faults.failing, faults.hanging) == {STUCK}


def test_growing_queue_fires_its_alert(faults: Faults, tmp_path: Path) -> None:
    found = fired(tmp_path, faults.failing, faults.hanging, faults.growing)
    assert found == {QUEUE_GROWS, STUCK}


def test_killed_worker_fires_the_alert_of_no_workers(faults: Faults, tmp_path: Path) -> None:
    assert fired(tmp_path, faults.failing, faults.killed) == {NO_WORKERS, STUCK}


async def test_stopped_database_fires_its_alert(
    faults: Faults, own_postgres: Any, tmp_path: Path
) -> None:
    address = f"127.0.0.1:{free_port()}"
    worker = faults.calm["docmill-worker"]
    environment = {
        "DOCMILL_API_METRICS_ADDRESS": address,
        "DOCMILL_DATABASE_URL": own_postgres.get_uri(),
        "DOCMILL_SECRET_KEY": SECRET_KEY,
    }
    with ApiServer(tmp_path / "home", **environment):
        up = await until_scraped(address, lambda it: it.sum("docmill_database_up") == 1)
        own_postgres.stop()
        away = await until_scraped(address, lambda it: it.sum("docmill_database_up") == 0)
    before, during = ({"docmill-worker": worker, "docmill-api": one} for one in (up, away))
    assert fired(tmp_path, before, during) == {DATABASE_AWAY}


def test_rules_are_valid() -> None:
    done = promtool("check", "rules", ALERTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(rules()) == {NO_WORKERS, QUEUE_GROWS, STUCK, DATABASE_AWAY, FAILURES}
    page = (ROOT / "docs/how-to/observe.md").read_text()
    assert set(re.findall(r"^\| `(Docmill\w+)` \|", page, re.MULTILINE)) == set(rules())


def test_every_metric_of_the_rules_and_the_dashboard_exists(faults: Faults, tmp_path: Path) -> None:
    expressions = [*rules().values(), *panel_expressions()]
    checked(tmp_path, expressions)
    exposed = {name for it in faults.growing.values() for name in it.names}
    remote = {name for one in METRICS for name in one.exposed if "remote" in name}
    named = {name for expression in expressions for name in metrics_in(expression)}
    assert named - exposed - remote == set()
    assert {"docmill_outcomes_total", "temporal_worker_task_slots_available"} <= named


def test_metrics_of_an_expression_are_found() -> None:
    expression = (
        'sum by (a, b) (rate(x_total{le="0.1", c=~"d|e"}[5m] offset 30m)) / max(y) unless z'
    )
    assert metrics_in(expression) == {"x_total", "y", "z"}
