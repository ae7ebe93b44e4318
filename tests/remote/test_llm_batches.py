"""Whole batches by the engine `llm`: real server, real worker, real documents."""

import json
import signal
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from pydantic import SecretStr

from docmill.contracts.batches import JobSpec
from docmill.contracts.words import JobType
from docmill.embedded.addresses import free_port
from docmill.objects.results import RESULT_FILE, result_key
from docmill.records.items import ItemRow
from docmill.records.tables.batches import Batch
from tests.fixtures.llm import CANARY, FakeLlm, Reply, prompt_of, proper, refused, said
from tests.fixtures.mill import Mill, until
from tests.fixtures.worker_process import worker_process
from tests.metrics.scrape import scrape

SCHEMA = {
    "type": "object",
    "properties": {"notes": {"type": "array", "items": {"type": "string"}}},
}
EXTRACT = JobSpec(type=JobType.EXTRACT, parameters={"data_schema": SCHEMA})
ENDPOINT = {"llm_model": "m", "llm_api_key": SecretStr(CANARY), "llm_context_chars": 500}


def _on(mill: Mill, llm: FakeLlm, **changes: Any) -> Mill:
    """The same Docmill with the endpoint configured."""
    settings = mill.settings.model_copy(update={"llm_base_url": llm.url, **ENDPOINT, **changes})
    return Mill(mill.temporal, mill.database, settings)


async def _only(mill: Mill, batch: Batch) -> tuple[ItemRow, dict[str, Any]]:
    """The only item of a batch, and its result."""
    (item,) = await mill.items(batch)
    assert item.status == "completed", item.failure_message
    result = await mill.store.get_bytes(result_key(item.object_prefix or "", RESULT_FILE))
    return item, json.loads(result)


def _expected(corpus: Path) -> dict[str, tuple[Any, Any]]:
    """Schema and values of each document of the corpus."""
    found = {}
    for path in sorted((corpus / "extract").glob("*.schema.json")):
        name = path.name.removesuffix(".schema.json")
        values = json.loads((corpus / f"extract/{name}.expected.json").read_text())
        schema = json.loads(path.read_text())
        found[name] = (schema, values)
    # Its schema requires a field that neither its properties nor its expected values know.
    found["saas_slide"][1]["financialMetrics"]["growthRate"] = 27
    return found


async def test_real_documents_give_the_values_of_a_scripted_model(
    small_mill: Mill, llm: FakeLlm, corpus: Path
) -> None:
    expected = _expected(corpus)

    def answer(body: dict[str, Any]) -> Reply:
        prompt = prompt_of(body)
        return next(
            proper(values, body)
            for schema, values in expected.values()
            if json.dumps(schema, ensure_ascii=False) in prompt
        )

    llm.answers = answer
    mill = _on(small_mill, llm, llm_context_chars=48_000)
    async with mill.worker():
        for name, (schema, values) in expected.items():
            given = {"data_schema": schema, "cite_sources": True, "confidence_scores": True}
            job = JobSpec(type=JobType.EXTRACT, parameters=given)
            batch = await mill.run(corpus / "documents", include=(f"{name}.*",), job=job)
            item, found = await _only(mill, batch)
            assert found["result"] == values
            assert (item.engine, found["text_engine"] in {"liteparse", "xberg"}) == ("llm", True)
            assert found["usage"]["requests"] == 1
    known = found["field_metadata"]["document_metadata"]
    assert known["basics"]["name"]["citation"] == [{"page": 1, "matching_text": "Sarah Chen"}]
    assert known["basics"]["email"] == {"confidence": 0.3, "citation": []}, "it is not in the text"


async def test_busy_endpoint_fails_no_item(small_mill: Mill, llm: FakeLlm, tmp_path: Path) -> None:
    folder = _texts(tmp_path / "in", 3)
    llm.answers = lambda _: said({"data": {"notes": ["a"]}})
    llm.script = [refused(429, Retry_After="0"), refused(503), refused(429)]
    mill = _on(small_mill, llm)

    async with mill.worker():
        batch = await mill.run(folder, job=EXTRACT)

    assert set((await mill.outcomes(batch)).values()) == {"completed"}
    assert len(llm.asked) == 6


async def test_killed_worker_repeats_no_answered_request_of_a_long_document(
    small_mill: Mill, llm: FakeLlm, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "long.txt").write_text("\n".join(f"Note {n}: {'x' * 430}." for n in range(5)))
    llm.answers = lambda body: said({"data": {"notes": [_first_note(body)]}})
    hold = Event()
    llm.script = [said({"data": {"notes": ["0"]}}), said({"data": {"notes": ["1"]}})]
    llm.script.append(Reply(hold=hold))
    mill = _on(small_mill, llm)
    environment = {
        "DOCMILL_LLM_BASE_URL": llm.url,
        "DOCMILL_LLM_MODEL": "m",
        "DOCMILL_LLM_CONTEXT_CHARS": "500",
    }

    batch = await mill.start(folder, job=EXTRACT)
    async with worker_process(mill, **environment) as process:
        await until(lambda: _asked(llm, 3))
        process.send_signal(signal.SIGKILL)
        await process.wait()
    hold.set()
    address = f"127.0.0.1:{free_port()}"
    async with worker_process(mill, DOCMILL_WORKER_METRICS_ADDRESS=address, **environment):
        await mill.client.result(batch.id)
        metrics = await scrape(address)

    item, found = await _only(mill, batch)
    assert found["result"] == {"notes": ["0", "1", "2", "3", "4"]}
    host = llm.url.split("/")[2]
    assert metrics.values("docmill_remote_requests_allowed", host=host) == [8]
    assert len(metrics.values("docmill_remote_requests_in_flight", host=host)) == 1
    assert [_first_note(body) for body in llm.asked] == ["0", "1", "2", "2", "3", "4"]
    assert found["usage"]["requests"] == 5
    assert item.attempts == 2


async def test_endpoint_key_is_in_no_history_log_result_or_error(
    small_mill: Mill,
    llm: FakeLlm,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    llm.script = [refused(401, f"Incorrect API key provided: {CANARY}")]
    llm.answers = lambda _: said({"data": {"notes": ["a"]}})
    mill = _on(small_mill, llm)

    async with mill.worker():
        batch = await mill.run(_texts(tmp_path / "in", 2), job=EXTRACT, concurrency=1)

    items = await mill.items(batch)
    assert sorted(item.status for item in items) == ["completed", "failed"]
    assert [item.failure_class for item in items if item.failure_class] == ["engine_denied"]
    handle = mill.temporal.get_workflow_handle(batch.id)
    history = [str(event) async for event in handle.fetch_history_events()]
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"engine_denied" in content for content in kept), "the records are among them"
    assert CANARY.encode() not in b"".join(kept)
    said_aloud = capfd.readouterr()
    assert CANARY not in "".join([*history, caplog.text, said_aloud.out, said_aloud.err])
    assert all(CANARY in headers["Authorization"] for headers in llm.headers)


async def test_configured_endpoint_classifies_unless_basic_is_requested(
    small_mill: Mill, llm: FakeLlm, tmp_path: Path
) -> None:
    verdict = {"type": "note", "confidence": 0.9, "reasoning": "it says note"}
    llm.answers = lambda _: said(verdict)
    mill = _on(small_mill, llm)
    rules = [{"type": "note", "description": "A short note for oneself"}]
    folder = _texts(tmp_path / "in", 1)
    found = {}

    async with mill.worker():
        for engine in (None, "basic"):
            given = {"rules": rules, "engine": engine}
            job = JobSpec(type=JobType.CLASSIFY, parameters=given)
            item, found[engine] = await _only(mill, await mill.run(folder, job=job))
            assert item.engine == (engine or "llm")

    assert found[None]["result"] == verdict
    assert len(llm.asked) == 1


def _texts(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}.txt").write_text(f"A note with the number {number}.\n")
    return folder


def _first_note(body: dict[str, Any]) -> str:
    return prompt_of(body).rpartition("Note ")[2].partition(":")[0]


async def _asked(llm: FakeLlm, count: int) -> bool:
    return len(llm.asked) >= count
