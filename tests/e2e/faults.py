"""A batch from a bucket to a bucket, and the faults that happen while it runs."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from docmill.contracts.names import BATCH_WORKFLOW
from tests.e2e.clients import ENDED, Api, Store
from tests.e2e.deployment import Deployment, run
from tests.e2e.documents import Document, documents
from tests.e2e.engine_runs import EngineRuns
from tests.e2e.report import Report

WORKERS = 4
CUT_OFF_SECONDS = 40
"""Longer than a heartbeat timeout: what the worker held is given to another one meanwhile."""
AWAY_SECONDS = 15
BATCH_SECONDS = 1800
"""Time limit of the batch with all its faults."""
EXPORT_SECONDS = 120
"""Time limit of the export from the end of the batch on."""
REPEATED = 0.1
"""Maximum of engine runs beyond the first of each file, as a part of all files."""


class Faults:
    """One batch, from a bucket to a bucket, and the faults that happen while it runs."""

    def __init__(
        self, deployment: Deployment, report: Report, count: int, previous: str, current: str
    ) -> None:
        self._deployment = deployment
        self._say = report.say
        self._documents = {one.name: one for one in documents(count)}
        self._previous, self._current = previous, current
        self._runs = EngineRuns()

    def run(self) -> None:
        """Start the previous version, run the batch through the faults, and check its outcomes."""
        deployment = self._deployment
        deployment.up(self._previous)
        store = Store()
        store.make_buckets()
        store.put("documents/in", self._documents.values())
        self._say(f"{len(self._documents):,} documents are in the bucket `documents`")
        deployment.wait_healthy("api", "worker")
        self._say(f"{WORKERS} workers and the API are healthy, with the previous image")
        deployment.command("deployments", "set-current", self._only_version())
        api = Api(deployment)
        batch_id = api.start("s3://documents/in", output="end-to-end")
        self._say("the batch was started over HTTP; its output goes to the bucket `results`")
        self._break(api, batch_id)
        shown = api.ended(batch_id, BATCH_SECONDS)
        self._say(f"{shown['done']:5,} done: the batch is {shown['status']}")
        self._check(api, shown)
        self._check_output(api, batch_id)

    def _only_version(self) -> str:
        listed = json.loads(self._deployment.execute("deployments", "list", "--json").stdout)
        (version,) = listed["versions"]
        found: str = version["build_id"]
        return found

    def _faults(self) -> Iterator[tuple[int, str, Callable[[], None]]]:
        """Yield percent of the files, name and action of each fault."""
        yield 5, "one worker is killed, and started again", self._kill
        yield 12, f"one worker is cut off from the network for {CUT_OFF_SECONDS} s", self._cut_off
        yield 30, f"PostgreSQL is stopped for {AWAY_SECONDS} s", self._stop_database
        yield 40, "Temporal is restarted", self._restart_temporal
        yield 50, "all workers are restarted, one after another", self._roll
        yield 70, "API and workers are upgraded to the current image", self._upgrade

    def _kill(self) -> None:
        victim = self._deployment.containers("worker")[0]
        run("docker", "kill", victim)
        time.sleep(5)
        run("docker", "start", victim)

    def _cut_off(self) -> None:
        with self._deployment.cut_off(self._deployment.containers("worker")[1]):
            time.sleep(CUT_OFF_SECONDS)

    def _stop_database(self) -> None:
        self._deployment.compose("stop", "postgres")
        time.sleep(AWAY_SECONDS)
        self._deployment.compose("start", "postgres")

    def _restart_temporal(self) -> None:
        self._deployment.compose("restart", "temporal")

    def _roll(self) -> None:
        for worker in self._deployment.containers("worker"):
            run("docker", "restart", "--time", "30", worker)

    def _upgrade(self) -> None:
        """Upgrade as docs/how-to/operate.md says, with the batch moved to the new version."""
        deployment = self._deployment
        before = self._only_version()
        old = deployment.containers("worker")
        images = deployment.images("worker")
        first = deployment.start_worker(self._current)
        deployment.command("deployments", "set-current", self._current)
        deployment.command("deployments", "move", "--from", before)
        deployment.command("deployments", "drain", before, "--wait", "60")
        self._say("      the batch runs on the new version, and no batch on the one before")
        run("docker", "stop", "--time", "30", *old)
        self._runs.read(deployment, *old)
        deployment.up(self._current)
        deployment.wait_healthy("api", "worker")
        run("docker", "stop", "--time", "30", first)
        self._runs.read(deployment, first)
        run("docker", "rm", first)
        after = deployment.images("worker")
        if len(after) != 1 or after & images:
            raise AssertionError(f"workers run {after}, and ran {images}")

    def _break(self, api: Api, batch_id: str) -> None:
        total = len(self._documents)
        for percent, name, fault in self._faults():
            while True:
                shown = api.batch(batch_id)
                if shown["status"] in ENDED:
                    raise AssertionError(f"the batch ended before this: {name}")
                if shown["total"] and shown["done"] >= total * percent / 100:
                    break
                time.sleep(1)
            self._say(f"{shown['done']:5,} done: {name}")
            fault()

    def _check(self, api: Api, shown: dict[str, Any]) -> None:
        """Check that every file has exactly one outcome, the right one, and its own result."""
        items = list(api.items(shown["id"]))
        assert sorted(one["name"] for one in items) == sorted(self._documents)
        assert len({one["job_id"] for one in items}) == len(items)
        for one in items:
            expected = "failed" if self._documents[one["name"]].is_broken else "completed"
            assert one["status"] == expected, one
        with ThreadPoolExecutor(4) as pool:
            completed = [one for one in items if one["status"] == "completed"]
            list(pool.map(lambda one: self._check_result(api, one), completed))
        outcomes = Counter(one["status"] for one in items)
        assert {name: n for name, n in shown["counts"].items() if n} == outcomes
        self._say(f"every file has one outcome: {dict(outcomes)}; each result is that of its file")
        self._check_repeated(items)
        temporal = self._deployment.containers("temporal")[0]
        query = f"WorkflowType = '{BATCH_WORKFLOW}' AND ExecutionStatus = 'Running'"
        counted = run("docker", "exec", temporal, "temporal", "workflow", "count", "-q", query)
        assert counted.split()[-1] == "0", counted
        self._deployment.wait_healthy("api", "worker")
        self._say("no workflow of a batch runs any more, and all containers are healthy")

    def _check_result(self, api: Api, item: dict[str, Any]) -> None:
        wanted: Document = self._documents[item["name"]]
        query = {"expand": "markdown_full"}
        result = api.ask("GET", f"/api/v2/parse/{item['job_id']}", params=query)
        text = result["markdown_full"]
        assert text.strip(), item
        assert wanted.word in text, (item, text[:200])

    def _check_output(self, api: Api, batch_id: str) -> None:
        """Check the output of the batch, whose export ran through the same faults."""
        location = api.exported(batch_id, EXPORT_SECONDS)
        place = location.removeprefix("s3://")
        lines = Store().read(f"{place}/manifest.jsonl").splitlines()
        outcomes = {row["path"]: row["outcome"] for row in map(json.loads, lines)}
        assert outcomes.keys() == self._documents.keys()
        for name, one in self._documents.items():
            assert outcomes[name] == ("failed" if one.is_broken else "completed"), name
        verified = self._deployment.execute("verify", location)
        assert verified.returncode == 0, verified.stdout[-3000:] + verified.stderr[-3000:]
        self._say(f"its output has a row for each of {len(lines):,} files, and `verify` agrees")

    def _check_repeated(self, items: list[dict[str, Any]]) -> None:
        """Check how many engine runs the faults cost. Those that fail are repeated on purpose."""
        self._runs.read(self._deployment, *self._deployment.containers("worker"))
        again = sum(one["attempts"] > 1 for one in items)
        self._say(f"{again:,} files were claimed more than once, alone or with their group")
        runs = [self._runs.of[one["item_id"]] for one in items if one["status"] == "completed"]
        assert min(runs), "a completed file has no engine run in the logs"
        repeated = sum(runs) - len(runs)
        files = sum(one > 1 for one in runs)
        limit = int(REPEATED * len(runs))
        self._say(
            f"{repeated:,} engine runs of {files:,} of {len(runs):,} completed files were repeated"
            f" (limit {limit:,}), at most {max(runs)} runs of one file"
        )
        assert repeated <= limit
