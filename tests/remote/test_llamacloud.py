"""LlamaCloud's API as an engine, attempt by attempt, with lost answers."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Never
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from docmill.engines.base import EngineReport, EngineTask, file_state
from docmill.errors import FailureClass, ItemFailure, UnavailableError
from docmill.records.database import Database
from docmill.records.scope import EVERY_PROJECT
from docmill.records.steps import Steps
from docmill.remote.base import RemoteJob
from docmill.remote.limits import HostLimits
from docmill.remote.llamacloud.engine import LlamaCloudEngine, open_llamacloud
from docmill.settings import MIB, Settings
from tests.engines import documents
from tests.fixtures.api import ROOT, ApiServer
from tests.fixtures.cloud import CANARY, Fate, Proxy, Refuse
from tests.fixtures.mill import until

FILES = "/api/v1/beta/files"
PARSE = "/api/v2/parse"
EXTRACT = "/api/v2/extract"
LARGE = 200 * MIB
RULES = [
    {"type": "invoice", "description": "a bill with amounts that are due"},
    {"type": "letter", "description": "a letter from one person to another"},
]
SCHEMA = {
    "type": "object",
    "properties": {"invoice_number": {"type": "string"}, "total": {"type": "number"}},
}
PRODUCTS: dict[str, dict[str, Any]] = {
    "parse": {"tier": "fast", "version": "latest"},
    "classify": {"rules": RULES},
    "extract": {"data_schema": SCHEMA, "extraction_target": "per_doc", "cite_sources": True},
}


def by_basic(path: str, body: bytes) -> bytes:
    """Let the other side extract without a model, which is done by name only."""
    if path.partition("?")[0] != EXTRACT or not body:
        return body
    asked = json.loads(body)
    asked["configuration"]["engine"] = "basic"
    return json.dumps(asked).encode()


class Trials:
    """Runs an item as Temporal would: attempt after attempt, until it has ended."""

    def __init__(self, proxy: Proxy, database: Database, folder: Path, **settings: Any) -> None:
        self.proxy = proxy
        self.proxy.rewrite = by_basic
        self.settings = Settings(
            home=folder / "home",
            llamacloud_base_url=proxy.url,
            llamacloud_api_key=SecretStr(CANARY),
            **settings,
        )
        self.database = database
        self.folder = folder
        self.run_id = f"pjb-{uuid4()}-0"
        self.engines: list[LlamaCloudEngine] = []
        self.files: set[str] = set()

    def engine(self) -> LlamaCloudEngine:
        """A new one, as after a restart of the worker."""
        self.engines.append(open_llamacloud(self.settings, HostLimits(8)))
        return self.engines[-1]

    def job(self, product: str, content: bytes, name: str, **parameters: Any) -> RemoteJob:
        """The item's run, for one attempt."""
        document = self.folder / "document"
        document.write_bytes(content)
        output = self.folder / f"output-{uuid4()}"
        output.mkdir()
        given = {**PRODUCTS[product], **parameters}
        task = EngineTask(product, str(document), name, str(output), given)

        async def read(_: dict[str, Any]) -> Never:
            raise AssertionError("the text is read at the other side")

        return RemoteJob(task, self.run_id, "dfl-1", Steps(self.database, self.run_id), read)

    async def run(
        self, product: str, content: bytes, name: str = "note.txt", **parameters: Any
    ) -> tuple[EngineReport, dict[str, Any]]:
        """Try until the item has ended; return the report and the result."""
        for _ in range(20):
            job = self.job(product, content, name, **parameters)
            try:
                report = await self.engine().run(job)
            except UnavailableError:
                self.files |= {file["id"] for file in await self.remote_files()}
                continue
            text = (Path(job.task.output_dir) / "result.json").read_text()
            assert CANARY not in text
            return report, json.loads(text)
        raise AssertionError("the item never ended")

    async def remote_files(self) -> list[Any]:
        """What the other side has of this run's uploads."""
        async with httpx.AsyncClient(base_url=self.proxy.target) as client:
            answer = await client.get(FILES, params={"external_file_id": self.run_id})
            return list(answer.json()["items"])

    async def remote_jobs(self, product: str) -> list[dict[str, Any]]:
        """What the other side has of this run's jobs."""
        async with httpx.AsyncClient(base_url=self.proxy.target) as client:
            answer = await client.get(f"/api/v2/{product}", params={"page_size": 100})
        return [
            job
            for job in answer.json()["items"]
            if (job.get("user_metadata") or {}).get("docmill_run") == self.run_id
            or job.get("transaction_id") == self.run_id
            or job.get("file_input") in self.files
        ]


@pytest.fixture
async def trials(proxy: Proxy, migrated_sqlite_url: str, tmp_path: Path) -> AsyncIterator[Trials]:
    database = Database(migrated_sqlite_url, EVERY_PROJECT)
    trials = Trials(proxy, database, tmp_path)
    yield trials
    for engine in trials.engines:
        await engine.close()
    await database.close()


async def test_llamacloud_parse_has_the_pages_of_the_remote_result(trials: Trials) -> None:
    content = documents.pdf("The first page.", "The second page.")
    report, result = await trials.run("parse", content, "two.pdf")
    assert (report.pages_total, report.pages_ok, report.partial) == (2, 2, False)
    assert [page["page_number"] for page in result["pages"]] == [1, 2]
    assert "The second page." in result["pages"][1]["text"]
    assert result["pages"][0]["width"] > 0
    assert result["pages"][0]["items"]
    assert (result["engine"], result["document_pages"]) == ("llamacloud", 2)
    assert report.usage == {"millicredits": 0}
    assert set(report.files) == {"result.json", "document.md"}


@pytest.mark.parametrize("product", PRODUCTS)
async def test_lost_answer_at_any_step_makes_no_second_file_or_job(
    trials: Trials, product: str
) -> None:
    jobs = f"/api/v2/{product}"
    trials.proxy.lose_first(
        ("POST", FILES),
        ("GET", FILES),
        ("POST", jobs),
        ("GET", jobs),
        ("GET", f"{jobs}/.+"),
        ("DELETE", f"{FILES}/.+"),
    )
    report, _ = await trials.run(product, f"An invoice of {trials.run_id}.".encode())
    assert report.engine == "llamacloud"
    assert trials.proxy.count("POST", FILES) == 1
    assert trials.proxy.count("POST", jobs) == 1
    assert len(await trials.remote_jobs(product)) == 1
    assert await trials.remote_files() == []


@pytest.mark.parametrize("product", PRODUCTS)
async def test_late_create_is_not_repeated_where_keys_are_supported(
    trials: Trials, product: str
) -> None:
    late = {FILES, f"/api/v2/{product}"}

    def decide(method: str, path: str) -> Fate:
        if method != "POST" or path not in late:
            return Fate.PASS
        late.remove(path)
        return Fate.LATE

    trials.proxy.keyed = True
    trials.proxy.decide = decide
    await trials.run(product, f"An invoice of {trials.run_id}.".encode())
    assert trials.proxy.count("POST", FILES) == 2
    assert len(await trials.remote_jobs(product)) == 1
    assert await trials.remote_files() == []


async def test_llamacloud_extraction_has_values_and_their_positions(trials: Trials) -> None:
    content = documents.pdf("Invoice number: A-17", "Total: 12.50")
    report, result = await trials.run("extract", content, "invoice.pdf")
    assert result["result"]["invoice_number"] == "A-17"
    entry = result["field_metadata"]["document_metadata"]["invoice_number"]
    assert entry["citation"][0]["page"] == 1
    assert (report.pages_total, report.pages_ok) == (2, 2)
    assert report.usage == {"millicredits": 0, "pages_billed": 0}


async def test_remote_upload_is_deleted_unless_the_settings_keep_it(trials: Trials) -> None:
    trials.settings = trials.settings.model_copy(update={"llamacloud_keep_files": True})
    await trials.run("parse", b"To be kept.")
    (file,) = await trials.remote_files()
    assert file["name"] == "note.txt"


@pytest.mark.parametrize("other", ["link", "file", "pipe"])
async def test_file_that_took_the_place_of_the_hashed_one_is_not_uploaded(
    trials: Trials, other: str
) -> None:
    job = trials.job("parse", b"What was hashed.", "note.txt")
    document = Path(job.task.document)
    task = replace(job.task, file_state=file_state(document.stat()))
    secret = trials.folder / "secret"
    secret.write_text("canary")
    document.unlink()
    if other == "pipe":
        os.mkfifo(document)
    else:
        document.symlink_to(secret) if other == "link" else secret.rename(document)
    with pytest.raises(ItemFailure) as failed:
        await trials.engine().run(replace(job, task=task))
    assert failed.value.failure_class is FailureClass.SOURCE_CHANGED
    assert trials.proxy.count("POST", FILES) == 0


async def test_small_document_is_uploaded_as_it_was_hashed(trials: Trials) -> None:
    job = trials.job("parse", b"Another text.", "note.txt")
    task = replace(job.task, content=b"What was hashed.")
    await trials.engine().run(replace(job, task=task))
    assert "What was hashed." in (Path(job.task.output_dir) / "result.json").read_text()


async def test_document_that_fails_at_llamacloud_fails_with_the_same_reason(trials: Trials) -> None:
    job = trials.job("parse", b"%PDF-1.4 nothing of the kind", "broken.pdf")
    with pytest.raises(ItemFailure, match="FAILED") as failure:
        await trials.engine().run(job)
    assert failure.value.failure_class is FailureClass.ENGINE_ERROR
    assert failure.value.engine == "llamacloud"
    assert await trials.remote_files() == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, FailureClass.ENGINE_DENIED),
        (402, FailureClass.ENGINE_DENIED),
        (413, FailureClass.ENGINE_REFUSED),
        (422, FailureClass.ENGINE_REFUSED),
    ],
)
async def test_refused_request_fails_the_item_without_showing_the_key(
    trials: Trials, status: int, expected: FailureClass
) -> None:
    refusal = Refuse(status, detail=f"no, not with Bearer {CANARY}")
    trials.proxy.decide = lambda method, path: refusal if method == "POST" else Fate.PASS
    job = trials.job("parse", b"Refused.", "note.txt")
    with pytest.raises(ItemFailure) as failure:
        await trials.engine().run(job)
    assert failure.value.failure_class is expected
    assert str(status) in failure.value.message
    assert CANARY not in failure.value.message


async def test_parameters_are_sent_in_upstream_names_and_docmill_options_apply_locally(
    trials: Trials,
) -> None:
    _, result = await trials.run(
        "parse",
        documents.pdf("One.", "Two.", "Three."),
        "three.pdf",
        engine="llamacloud",
        tier="agentic",
        page_ranges={"target_pages": "2-3"},
        page_prefix="[{pageNumber}]",
        hide_headers=True,
        output_options={"additional_outputs": ["stripped_md", "word_bbox"]},
    )
    assert [page["page_number"] for page in result["pages"]] == [2, 3]
    assert result["joining"]["prefix"] == "[{pageNumber}]"
    said = [warning["message"] for warning in result["warnings"]]
    assert any("hide_headers" in message for message in said)
    assert any("agentic" in message for message in said)
    assert {"stripped.json", "words.jsonl"} <= result["files"].keys()


async def test_llamacloud_images_are_part_of_the_result(trials: Trials) -> None:
    report, result = await trials.run(
        "parse",
        documents.handbook("A page."),
        "handbook.pdf",
        output_options={"images_to_save": ["screenshot", "embedded"], "save_output_pdf": True},
    )
    categories = {image["category"] for image in result["images"]}
    assert categories == {"screenshot", "embedded"}
    assert {image["filename"] for image in result["images"]} | {"output.pdf"} <= set(report.files)


async def test_abandoned_remote_job_is_cancelled_even_when_its_create_was_lost(
    trials: Trials,
) -> None:
    trials.proxy.lose_first(("POST", PARSE))
    job = trials.job("parse", documents.hanging_pdf(), "hanging.pdf")
    with pytest.raises(UnavailableError):
        await trials.engine().run(job)
    assert await trials.engine().abandon("parse", job.run_id, job.steps)
    assert trials.proxy.count("POST", f"{PARSE}/.+/cancel") == 1

    async def cancelled() -> bool:
        (remote,) = await trials.remote_jobs("parse")
        return bool(remote["status"] == "CANCELLED")

    await until(cancelled)
    assert await trials.remote_files() == []


async def test_large_upload_streams_in_constant_memory(
    api_server: ApiServer, tmp_path: Path
) -> None:
    large = tmp_path / "large.pdf"
    with large.open("wb") as file:
        file.truncate(LARGE)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.remote.uploading",
        api_server.url,
        str(large),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    told = json.loads((await process.communicate())[0])
    assert told["grown"] < LARGE / 10
    content = f"{api_server.url}{FILES}/{told['id']}/content"
    async with httpx.AsyncClient() as client:
        link = (await client.get(content)).json()["url"]
        async with client.stream("GET", link) as answer:
            assert int(answer.headers["content-length"]) == LARGE
