"""Planted secrets are found in nothing that is written.

Stored in plain text by design, and not searched: the text of documents in the object store; names
of files, and URLs of documents with their query, in the records. Names of files and messages of
failures are plain in Temporal, unless payloads are encrypted.
"""

import base64
import json
from pathlib import Path
from typing import Any

import httpx

from docmill.contracts import names
from docmill.contracts.access import Role
from docmill.embedded.addresses import free_port
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.api_keys import ApiKeys
from docmill.records.projects import Projects
from tests.api.steps import LIVE_BATCHES, ended, make_directory, ok, upload
from tests.fixtures.api import ApiServer
from tests.fixtures.keys import SECRET_KEY
from tests.fixtures.mill import Mill, until
from tests.fixtures.receivers import Receiver
from tests.fixtures.worker_process import faulty_worker_process
from tests.metrics.scrape import scrape
from tests.records.everywhere import everything_in
from tests.temporal.raw import raw_answer, raw_workflow
from tests.tracing.collector import Collector, collecting
from tests.webhooks.conftest import arrived

DOCUMENT = "canary-document-9c1f"
MODEL_KEY = "canary-model-key-4be7"
SIGNING_SECRET = "canary-signing-secret-77d0"
HEADER = "canary-header-a1b2"
URL_TOKEN = "canary-url-token-e5f6"
NAME = "canary-name-3e0a"
MESSAGE = "canary-message-81c5"

WRONG_KEY = "canarykeycanarykeycanarykey"
PAYLOAD_KEY = f"k1:{base64.b64encode(b'canary-payload-key-of-32-bytes!!').decode()}"

COMMANDS: dict[str, dict[str, Any]] = {
    "completes.txt": {"do": "parse"},
    f"{NAME}.txt": {"do": "fail", "failure_class": "encrypted", "message": MESSAGE},
    "crashes.txt": {"do": "segfault"},
    "hangs.txt": {"do": "sleep", "seconds": 600},
}
"""A document for each fate; its text has a canary."""

FATES = {
    "completes.txt": None,
    f"{NAME}.txt": "encrypted",
    "crashes.txt": "crashed",
    "hangs.txt": "timeout",
}


class Planted:
    """An API and a worker, as processes, with secrets in their settings and in what they do."""

    def __init__(self, mill: Mill, receiver: Receiver, folder: Path, collector: Collector) -> None:
        self._mill = mill
        self._receiver = receiver
        self._collector = collector
        self._log = folder / "worker.log"
        self._metrics = [f"127.0.0.1:{free_port()}" for _ in range(2)]
        self._exposed: list[str] = []
        self._answers: list[bytes] = []
        self._errors: list[bytes] = []
        self.secret_part = ""
        self.batch_id = ""

    async def run(self, **environment: str) -> None:
        """Run a batch whose documents complete, fail, crash and time out."""
        environment |= {
            "DOCMILL_DATABASE_URL": self._mill.settings.database,
            "DOCMILL_SECRET_KEY": SECRET_KEY,
            "DOCMILL_LLM_API_KEY": MODEL_KEY,
            "DOCMILL_ENGINE_TIMEOUT_SECONDS": "1",
            "DOCMILL_FENCE_ALLOW": "127.0.0.1",
            "DOCMILL_OTLP_ENDPOINT": self._collector.url,
            "DOCMILL_WORKER_METRICS_ADDRESS": self._metrics[0],
            "DOCMILL_API_METRICS_ADDRESS": self._metrics[1],
            "TEMPORAL_ADDRESS": self._mill.temporal.service_client.config.target_host,
        }
        async with self._mill.database.write() as session:
            project = await Projects(session).get(DEFAULT_PROJECT_ID)
            key = (await ApiKeys(session).create(project, "canary", Role.ADMIN, None)).text
        self.secret_part = key.rpartition("_")[2]
        with ApiServer(self._mill.settings.home, **environment) as server:
            async with (
                faulty_worker_process(self._mill, self._log, **environment),
                httpx.AsyncClient(
                    base_url=server.url, headers={"Authorization": f"Bearer {key}"}, timeout=30
                ) as api,
            ):
                await self._process(api)
                await self._provoke_errors(api)
                self._exposed += [(await scrape(address)).text for address in self._metrics]

    async def _process(self, api: httpx.AsyncClient) -> None:
        directory = await make_directory(api)
        for name, command in COMMANDS.items():
            data = f"{json.dumps(command)}\n{DOCUMENT}\n".encode()
            await upload(api, directory["id"], name, data)
        endpoint = {
            "webhook_url": self._receiver.url(f"/{URL_TOKEN}"),
            "webhook_headers": {"X-Token": HEADER},
            "webhook_signing_secret": SIGNING_SECRET,
        }
        body = {
            "source_directory_id": directory["id"],
            "config": {"job": {"type": "parse_v2", "configuration_id": "cfg-PARSE_FAST"}},
            "webhook_configurations": [endpoint],
        }
        self.batch_id = (await ok(await api.post("/api/v2/batches", json=body), 201))["id"]
        assert (await ended(api, self.batch_id))["status"] == "COMPLETED"
        items = await ok(await api.get(f"{LIVE_BATCHES}/{self.batch_id}/items"))
        found = {item["path"]: item["failure_class"] for item in items["items"]}
        assert found == FATES
        await until(lambda: arrived(self._mill.database))
        assert self._receiver.calls[-1].headers["X-Token"] == HEADER, "it was used"
        for query in (names.PROGRESS_QUERY, names.FAILURES_QUERY, "__temporal_workflow_metadata"):
            self._answers.append(await raw_answer(self._mill.temporal, self.batch_id, query))

    async def _provoke_errors(self, api: httpx.AsyncClient) -> None:
        wrong_key = {"Authorization": f"Bearer dml_nobody_{WRONG_KEY}"}
        hooks: list[Any] = [
            {
                "webhook_url": f"http://user:{URL_TOKEN}@10.0.0.1/{URL_TOKEN}",
                "webhook_headers": {"X-Token": HEADER, "Host": HEADER},
                "webhook_signing_secret": SIGNING_SECRET,
            },
            {"webhook_url": "https://example.com/", "webhook_headers": {"Host": HEADER}},
            {"webhook_signing_secret": [SIGNING_SECRET], "webhook_headers": HEADER},
        ]
        address = "/api/v1/beta/webhook-configs"
        refused = [await api.post(address, json=hooks[0], headers=wrong_key)]
        assert refused[0].status_code == 401
        refused += [await api.post(address, json=body) for body in hooks]
        job = {
            "source_url": f"http://user:{URL_TOKEN}@10.0.0.1/a.pdf?sig={URL_TOKEN}",
            "tier": "fast",
            "version": "latest",
        }
        refused.append(await api.post("/api/v2/parse", json=job))
        assert {answer.status_code for answer in refused[1:]} <= {400, 422}
        self._errors += [answer.content for answer in refused]

    async def written(self) -> dict[str, bytes]:
        """Return what was written, by place; each place holds something of the batch."""
        home = self._mill.settings.home
        logs = self._log.read_bytes() + (home / "server.log").read_bytes()
        temporal = self._mill.temporal
        workflows = [one async for one in temporal.list_workflows()]
        held = [
            await raw_workflow(temporal.get_workflow_handle(one.id, run_id=one.run_id))
            for one in workflows
            if one.id == self.batch_id or "webhooks-" in one.id
        ]
        found = {
            "Temporal": b"\n".join(held),
            "queries": b"\n".join(self._answers),
            "error answers": b"\n".join(self._errors),
            "records": await everything_in(self._mill.database),
            "logs": logs + bytes_below(home / "logs"),
            "object names": "\n".join(map(str, self.objects.rglob("*"))).encode(),
            "metrics": "\n".join(self._exposed).encode(),
            "traces": b"\n".join(self._collector.bodies),
        }
        for place in ("Temporal", "records", "logs", "traces", "object names"):
            assert self.batch_id.encode() in found[place], place
        assert b"engine.process_died" in found["logs"]
        assert b"process_item" in found["traces"]
        assert b"StartWorkflow:Batch" in found["traces"]
        assert found["metrics"].count(b"# HELP docmill_database_up") == len(self._metrics)
        return found

    @property
    def objects(self) -> Path:
        """The folder of the object store."""
        return Path(self._mill.settings.store.removeprefix("file://"))


def bytes_below(folder: Path) -> bytes:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return b"\n".join(path.read_bytes() for path in files)


def forms_of(canary: str) -> set[bytes]:
    """Return the forms of a canary in what is searched: as it is, and as PostgreSQL shows bytes."""
    return {canary.encode(), canary.encode().hex().encode()}


def places_of(canary: str, written: dict[str, bytes]) -> list[str]:
    """Return the places where a canary is found."""
    return [
        place for place, held in written.items() if any(one in held for one in forms_of(canary))
    ]


async def test_planted_secrets_are_found_nowhere(
    mill: Mill, receiver: Receiver, tmp_path: Path
) -> None:
    encrypted = mill.database.writer.dialect.name == "postgresql"  # one of the two runs
    with collecting() as collector:
        planted = Planted(mill, receiver, tmp_path, collector)
        await planted.run(DOCMILL_PAYLOAD_KEYS=PAYLOAD_KEY if encrypted else "")
        written = await planted.written()
    contents = bytes_below(planted.objects)
    assert DOCUMENT.encode() in contents, "results hold the text of their document"
    secrets = (DOCUMENT, MODEL_KEY, SIGNING_SECRET, HEADER, URL_TOKEN, planted.secret_part)
    for canary in (*secrets, WRONG_KEY, PAYLOAD_KEY.partition(":")[2]):
        assert places_of(canary, written) == [], canary
        assert canary == DOCUMENT or canary.encode() not in contents
    for text in (NAME, MESSAGE, "Docmill batch"):
        assert ("Temporal" in places_of(text, written)) is not encrypted, text
    assert ("queries" in places_of(NAME, written)) is not encrypted
