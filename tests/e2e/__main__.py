"""Runs the deployment, a batch through it, and faults into it; see the package.

python -m tests.e2e [--files 2000] [--page FILE] [--keep]
"""

import argparse
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from docmill.contracts.names import BATCH_WORKFLOW
from tests.e2e.deployment import (
    API_URL,
    STORE_URL,
    Deployment,
    build,
    build_stand_ins,
    make_base,
    megabytes,
    previous_commit,
    run,
)
from tests.e2e.documents import Document, documents
from tests.house.code import ROOT

WORKERS = 4
PREVIOUS, CURRENT, OCR = "e2e-previous", "e2e-current", "docmill:ocr"
LIMITS = {f"docmill:{CURRENT}": 450, OCR: 850}
"""Maximum sizes of the images without their base, in MB."""
CUT_OFF_SECONDS = 40
"""Longer than a heartbeat timeout: what the worker held is given to another one meanwhile."""
AWAY_SECONDS = 15
BATCH_SECONDS = 1800
"""Time limit of the batch with all its faults."""
BLOCK = re.compile(r"(<!-- output of make e2e -->\n```text\n).*?(```\n)", re.DOTALL)


class Report:
    """The output: lines with the time since the start."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._lines: list[str] = []

    def say(self, text: str) -> None:
        """Print a line, and keep it."""
        line = f"{time.monotonic() - self._began:7.1f} s  {text}"
        print(line, flush=True)
        self._lines.append(line)

    def write(self, page: Path) -> None:
        """Replace the output in a page of the documentation."""
        text = page.read_text(encoding="utf-8")
        lines = "\n".join(self._lines)
        page.write_text(BLOCK.sub(lambda it: f"{it[1]}{lines}\n{it[2]}", text), encoding="utf-8")


class Api:
    """Docmill's HTTP API, asked again while it or what it needs is away."""

    def __init__(self, key: str) -> None:
        self._client = httpx.Client(
            base_url=API_URL, headers={"Authorization": f"Bearer {key}"}, timeout=30
        )

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """Return the body of a successful answer; tries for two minutes."""
        deadline = time.monotonic() + 120
        while True:
            try:
                answer = self._client.request(method, path, **options)
                if answer.status_code < 500:
                    answer.raise_for_status()
                    return answer.json()
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
            if time.monotonic() > deadline:
                raise TimeoutError(f"{method} {path}: {answer.status_code}")
            time.sleep(1)

    def items(self, batch_id: str) -> Iterator[dict[str, Any]]:
        """Yield all files of a batch with their outcomes."""
        query: dict[str, Any] = {"page_size": 500}
        while True:
            path = f"/api/docmill/v1/batches/{batch_id}/items"
            page = self.ask("GET", path, params=query)
            yield from page["items"]
            if not page["next_page_token"]:
                return
            query["page_token"] = page["next_page_token"]


class Scenario:
    """One batch, from a bucket to a bucket, and the faults that happen while it runs."""

    def __init__(self, deployment: Deployment, report: Report, count: int) -> None:
        self._deployment = deployment
        self._say = report.say
        self._documents = {one.name: one for one in documents(count)}

    def run(self) -> None:
        """Start the previous version, run the batch through the faults, and check its outcomes."""
        deployment = self._deployment
        deployment.up(PREVIOUS)
        self._make_buckets()
        deployment.wait_healthy("api", "worker")
        self._say(f"{WORKERS} workers and the API are healthy, with the previous image")
        made = deployment.compose(
            "run", "--rm", "cli", "keys", "create", "--role", "admin", "--json"
        )
        api = Api(json.loads(made.splitlines()[-1])["key"])
        batch_id = self._start(api)
        self._break(api, batch_id)
        shown = self._ended(api, batch_id)
        self._check(api, shown)

    def _make_buckets(self) -> None:
        with httpx.Client(base_url=STORE_URL, timeout=30) as store:
            for bucket in ("documents", "docmill"):
                store.put(f"/{bucket}").raise_for_status()
            for one in self._documents.values():
                store.put(f"/documents/in/{one.name}", content=one.content).raise_for_status()
        self._say(f"{len(self._documents):,} documents are in the bucket `documents`")

    def _start(self, api: Api) -> str:
        source = {"name": "end to end", "source": {"bucket": "s3://documents/in"}}
        directory = api.ask("POST", "/api/docmill/v1/directories", json=source)
        job = {"type": "parse_v2", "configuration_id": "cfg-PARSE_COST_EFFECTIVE"}
        asked = {"source_directory_id": directory["id"], "config": {"job": job}}
        batch_id: str = api.ask("POST", "/api/v2/batches", json=asked)["id"]
        self._say("the batch was started over HTTP; its results go to the bucket `docmill`")
        return batch_id

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
        before = self._deployment.images("worker")
        self._deployment.up(CURRENT)
        after = self._deployment.images("worker")
        if len(after) != 1 or after & before:
            raise AssertionError(f"workers run {after}, and ran {before}")

    def _break(self, api: Api, batch_id: str) -> None:
        total = len(self._documents)
        for percent, name, fault in self._faults():
            while True:
                shown = api.ask("GET", f"/api/docmill/v1/batches/{batch_id}")
                done = _done(shown)
                if shown["status"] in ("COMPLETED", "FAILED", "CANCELLED"):
                    raise AssertionError(f"the batch ended before this: {name}")
                if shown["total"] and done >= total * percent / 100:
                    break
                time.sleep(1)
            self._say(f"{done:5,} done: {name}")
            fault()

    def _ended(self, api: Api, batch_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + BATCH_SECONDS
        while True:
            shown: dict[str, Any] = api.ask("GET", f"/api/docmill/v1/batches/{batch_id}")
            if shown["status"] in ("COMPLETED", "FAILED", "CANCELLED"):
                self._say(f"{_done(shown):5,} done: the batch is {shown['status']}")
                return shown
            if time.monotonic() > deadline:
                raise AssertionError(f"the batch is stuck: {shown['counts']}")
            time.sleep(1)

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
        again = sum(one["attempts"] > 1 for one in items)
        self._say(f"{again:,} files were claimed more than once, alone or with their group")
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


def _done(shown: dict[str, Any]) -> int:
    counts = shown["counts"]
    return int(sum(counts[name] for name in ("completed", "failed", "skipped", "cancelled")))


def images(report: Report) -> None:
    """Build all images, and check the sizes of those that are published."""
    make_base()
    build_stand_ins()
    commit = previous_commit()
    build(f"docmill:{PREVIOUS}", commit)
    build(f"docmill:{CURRENT}")
    build(OCR, target="ocr")
    for tag, limit in LIMITS.items():
        size = megabytes(tag)
        assert size < limit, f"{tag} has {size} MB"
        report.say(f"image {tag}: {size} MB without its base (limit {limit})")
    report.say(f"images are built; the previous one is of commit {commit[:10]}")


def main() -> int:
    """Run everything; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e", description=__doc__)
    parser.add_argument("--files", type=int, default=2000, help="documents of the batch")
    parser.add_argument("--page", type=Path, help="page whose block of output is replaced")
    parser.add_argument("--keep", action="store_true", help="leave the containers running")
    options = parser.parse_args()
    report = Report()
    images(report)
    with tempfile.TemporaryDirectory() as folder:
        secrets = Path(folder, "secrets")
        secrets.write_text(run("sh", str(ROOT / "deploy/secrets.sh")), encoding="utf-8")
        deployment = Deployment(secrets, workers=WORKERS)
        try:
            Scenario(deployment, report, options.files).run()
        finally:
            if not options.keep:
                deployment.down()
    report.say("nothing was lost, doubled or stuck")
    if options.page:
        report.write(options.page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
