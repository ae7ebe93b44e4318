"""The compose profile `observability`: metrics, alert rules and traces of a batch."""

import json
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx

from tests.e2e.clients import Api, Store
from tests.e2e.deployment import PROMETHEUS_URL, Deployment
from tests.e2e.documents import documents
from tests.e2e.report import Report
from tests.metrics.rules import panel_expressions, rules

WORKERS = 2
BATCH_SECONDS = 600
PATIENCE_SECONDS = 420
"""Longer than the five minutes after which Prometheus forgets a series, and a rule's ``for``."""
SERVICES = ("otel-collector", "prometheus")
"""Of the profile. Grafana cannot be had."""
ALERT = "DocmillNoWorkers"


class Prometheus:
    """Prometheus's HTTP API."""

    def __init__(self) -> None:
        self._client = httpx.Client(base_url=f"{PROMETHEUS_URL}/api/v1", timeout=30)

    def ask(self, path: str, **query: str) -> Any:
        """Return the data of an answer."""
        return self._client.get(path, params=query).raise_for_status().json()["data"]

    def up(self) -> Counter[str]:
        """Return the number of targets that were scraped, by job."""
        found = self.ask("/targets", state="active")["activeTargets"]
        return Counter(one["labels"]["job"] for one in found if one["health"] == "up")

    def states(self) -> dict[str, str]:
        """Return the state of each alert whose rule was evaluated without an error."""
        (group,) = self.ask("/rules")["groups"]
        return {one["name"]: one["state"] for one in group["rules"] if one["health"] == "ok"}

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        return {name for name, state in self.states().items() if state == "firing"}

    def values(self, expression: str) -> list[str]:
        """Return the values of an expression now, without those that are not a number."""
        found = self.ask("/query", query=expression)["result"]
        return [one["value"][1] for one in found if one["value"][1] != "NaN"]


class Observability:
    """A batch, what Prometheus and the collector know of it, and an alert."""

    def __init__(self, deployment: Deployment, report: Report, count: int, current: str) -> None:
        self._deployment = deployment
        self._say = report.say
        self._documents = list(documents(count))
        self._current = current
        self._prometheus = Prometheus()

    def run(self) -> None:
        """Start everything, run a batch, and check what was seen of it."""
        deployment = self._deployment
        deployment.up(self._current, *SERVICES)
        store = Store()
        store.make_buckets()
        store.put("documents/in", self._documents)
        deployment.wait_healthy("api", "worker", "prometheus")
        self._check_targets()
        self._check_rules()
        api = Api(deployment)
        batch_id = api.start("s3://documents/in")
        shown = api.ended(batch_id, BATCH_SECONDS)
        self._say(f"{shown['done']:,} done: the batch is {shown['status']}")
        self._check_metrics(shown)
        self._check_panels()
        self._check_spans(batch_id, api)
        self._check_alert()

    def _check_targets(self) -> None:
        wanted = {"docmill-api": 1, "docmill-worker": WORKERS}
        _until(lambda: self._prometheus.up() == wanted, "the targets are up")
        self._say(f"Prometheus scrapes {WORKERS} workers and the API: all targets are up")

    def _check_rules(self) -> None:
        calm = dict.fromkeys(rules(), "inactive")
        _until(lambda: self._prometheus.states() == calm, "the rules are healthy")
        self._say(f"{len(calm)} alert rules are loaded and healthy, and none fires")

    def _check_metrics(self, shown: dict[str, Any]) -> None:
        """Check the counters, which show the whole batch after the next scrape."""
        for outcome in ("completed", "failed"):
            expression = f'sum(docmill_outcomes_total{{outcome="{outcome}"}})'
            _until(partial(self._is, expression, str(shown["counts"][outcome])), expression)
        self._say(f"docmill_outcomes_total has them: {shown['counts']['completed']:,} completed")

    def _is(self, expression: str, value: str) -> bool:
        return self._prometheus.values(expression) == [value]

    def _check_panels(self) -> None:
        """Check that the queries of the dashboard have data, but for engines that do not run."""
        wanted = [one for one in panel_expressions() if "docmill_remote_" not in one]
        missing = list(wanted)

        def shown() -> bool:
            missing[:] = [one for one in missing if not self._prometheus.values(one)]
            return not missing

        _until(shown, missing)
        self._say(f"{len(wanted)} queries of the dashboard have data (all but those about remotes)")

    def _check_spans(self, batch_id: str, api: Api) -> None:
        (collector,) = self._deployment.containers("otel-collector")
        wanted = {one["item_id"] for one in api.items(batch_id)}
        spans: list[dict[str, Any]] = []

        def received() -> bool:
            spans[:] = [json.loads(line) for line in self._deployment.log(collector).splitlines()]
            runs = [one for one in spans if one["name"] == "run_engine"]
            return wanted == {one["attributes"]["docmill.item_id"] for one in runs}

        _until(received, "the spans of all files have come")
        (started,) = [one for one in spans if one["name"] == "StartWorkflow:Batch"]
        roots = {one["trace"]: one for one in spans if not one["parent"]}
        assert roots[started["trace"]]["name"] == "POST /api/v2/batches"
        of_batch = [
            one for one in roots.values() if one["attributes"].get("docmill.batch_id") == batch_id
        ]
        assert of_batch
        start = [[started["trace"], started["id"]]]
        assert not [one for one in of_batch if one["links"] != start]
        services = Counter(one["service"] for one in spans)
        assert services.keys() == {"docmill-api", "docmill-worker"}
        self._say(
            f"the receiver has {len(spans):,} spans, with an engine run of every file; "
            f"{len(of_batch):,} activities are linked to the request that began the batch"
        )

    def _check_alert(self) -> None:
        began = time.monotonic()
        self._deployment.compose("stop", "worker")
        _until(lambda: self._prometheus.firing() == {ALERT}, f"{ALERT} fires")
        seconds = time.monotonic() - began
        self._say(
            f"all workers are stopped: {ALERT}, and no other alert, fires after {seconds:.0f} s"
        )
        self._deployment.compose("start", "worker")
        _until(lambda: not self._prometheus.firing(), f"{ALERT} is resolved")
        self._say("the workers are started again: the alert is resolved")


def _until(condition: Callable[[], bool], what: object) -> None:
    """Wait until a condition holds.

    Args:
        condition: the condition.
        what: what has to be, or the list of what is missing.

    Raises:
        TimeoutError: it does not hold.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not yet: {what}")
        time.sleep(2)
