"""Traces of a real API and a real worker, as an OTLP endpoint receives them, and their logs."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio.client import Client

from docmill.tracing.interceptor import ActivityTraces
from tests.api.steps import make_directory, ok, upload
from tests.fixtures.api import ApiServer
from tests.fixtures.engines import Bench
from tests.fixtures.mill import Mill, until, write_texts
from tests.fixtures.worker_process import logging_worker_process, worker_process
from tests.tracing.collector import collecting

pytestmark = pytest.mark.integration

BATCHES = "/api/v2/batches"
JOB = {"job": {"type": "parse_v2", "configuration_id": "cfg-PARSE_FAST"}}


async def test_each_activity_is_a_trace_linked_to_the_request_that_created_its_batch(
    small_mill: Mill, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    with collecting() as collector:
        environment = {
            "DOCMILL_OTLP_ENDPOINT": collector.url,
            "DOCMILL_LOG_FORMAT": "json",
            "DOCMILL_DATABASE_URL": small_mill.settings.database,
            "TEMPORAL_ADDRESS": small_mill.temporal.service_client.config.target_host,
        }
        with ApiServer(small_mill.settings.home, **environment) as server:
            async with (
                logging_worker_process(small_mill, log, **environment),
                httpx.AsyncClient(base_url=server.url, timeout=30) as api,
            ):
                directory = await make_directory(api)
                await upload(api, directory["id"], "good.txt", b"A good file.")
                await upload(api, directory["id"], "broken.pdf", b"%PDF-1.4\n no such thing")
                body = {"source_directory_id": directory["id"], "config": JOB}
                batch = await ok(await api.post(BATCHES, json=body), 201)

                async def has_ended() -> bool:
                    shown = await ok(await api.get(f"{BATCHES}/{batch['id']}"))
                    return bool(shown["status"] == "COMPLETED")

                await until(has_ended)
                await api.get("/healthz")
                await api.get("/api/v2/nothing", params={"signature": "canary"})

    (request,) = collector.named(f"POST {BATCHES}")
    assert (request.service, request.parent) == ("docmill-api", "")
    below = collector.below(request)
    (start,) = [span for span in below if span.name == "StartWorkflow:Batch"]
    assert any(span.name.startswith("INSERT") for span in below)
    items = [span for span in collector.named("process_item") if span.links]
    assert {span.attributes["docmill.batch_id"] for span in items} == {batch["id"]}
    assert len({span.trace for span in (request, *items)}) == 1 + len(items)
    for item in items:
        assert (item.service, item.parent) == ("docmill-worker", "")
        assert item.links == [(start.trace, start.id)]
        names = [span.name for span in collector.below(item)]
        assert names.count("run_engine") == 1
        assert any(name.startswith("SELECT") for name in names)
    assert [span.links for span in collector.named("close_batch")] == [[(start.trace, start.id)]]
    roots = {span.name for span in collector.spans if not span.parent}
    assert not [name for name in roots if name.startswith(("SELECT", "INSERT", "GET /readyz"))]
    for secret in ("A good file", "canary"):
        assert secret not in str(collector.spans)

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (failed,) = [line for line in lines if line["event"] == "item.failed"]
    ids = {span.attributes["docmill.item_id"]: span for span in collector.named("run_engine")}
    assert failed["trace_id"] == ids[failed["item_id"]].trace
    assert len(failed["span_id"]) == 16
    assert failed["batch_id"] == batch["id"]
    assert failed["project_id"] == f"prj-{batch['project_id']}"
    assert (failed["activity"], failed["activity_attempt"]) == ("process_item", 1)


async def test_later_runs_of_a_workflow_are_linked_to_its_start(
    small_mill: Mill, tmp_path: Path
) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    config = small_mill.temporal.config()
    config["interceptors"] = [ActivityTraces(tracer)]
    mill = Mill(Client(**config), small_mill.database, small_mill.settings)
    async with mill.worker():
        with tracer.start_as_current_span("creating"):
            batch = await mill.start(
                write_texts(tmp_path / "in", 6),
                page_size=2,
                continue_as_new_threshold=2,
                items_per_activity=1,
            )
        await mill.client.result(batch.id)
    spans = exporter.get_finished_spans()
    (start,) = [span for span in spans if span.name == "StartWorkflow:Batch"]
    pages = [span for span in spans if span.name == "next_page"]
    runs = {span.attributes["temporalRunID"] for span in pages if span.attributes}
    assert len(runs) > 2
    linked = [(link.context.trace_id, link.context.span_id) for it in pages for link in it.links]
    assert start.context is not None
    assert linked == [(start.context.trace_id, start.context.span_id)] * len(pages)


async def test_engine_finds_the_span_of_its_run(mock: Bench, tmp_path: Path) -> None:
    traces = tmp_path / "traces"
    header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await mock.command(do="parse", traces=str(traces), traceparent=header)
    await mock.command(do="parse", traces=str(traces))
    assert traces.read_text().split("\n") == [header, "", ""]


async def test_missing_collector_stops_neither_work_nor_shutdown(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("A file.")
    endpoint = "http://127.0.0.1:9"  # the discard port: nothing listens there
    async with asyncio.timeout(60):
        async with worker_process(small_mill, DOCMILL_OTLP_ENDPOINT=endpoint) as process:
            batch = await small_mill.run(folder)
            assert set((await small_mill.outcomes(batch)).values()) == {"completed"}
    assert process.returncode == 0
