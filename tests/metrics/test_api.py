"""Metrics of a real API process, on an address of their own."""

from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from docmill.contracts.words import Outcome
from docmill.embedded.addresses import free_port
from docmill.metrics.catalogue import METRICS, Publishers
from tests.fixtures.api import ApiServer
from tests.fixtures.mill import until, write_texts
from tests.metrics.scrape import until_scraped

pytestmark = pytest.mark.integration


async def test_api_exposes_requests_by_route_on_another_port_only(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    with ApiServer(tmp_path / "home", DOCMILL_API_METRICS_ADDRESS=address) as server:
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/api/v2/batches/bat-unknown")).status_code == 404
            assert (await client.get("/metrics")).status_code == 404
            assert (await client.request("BREW", "/api/v2/secret-place")).status_code == 404
        found = await until_scraped(address, lambda it: bool(it.values("docmill_temporal_up")))

    def requests(**labels: str) -> float:
        return found.sum("docmill_http_requests_total", **labels)

    assert requests(method="GET", route="/healthz", status="200") == 1
    assert requests(route="/api/v2/batches/{batch_id}", status="404") == 1
    assert requests(method="other", route="", status="404") == 1
    assert found.sum("docmill_http_request_seconds_count", route="/healthz") == 1
    assert found.values("docmill_database_up") == [1]
    assert found.values("docmill_temporal_up") == [0]
    assert found.sum("docmill_batches", status="RUNNING") == 0
    assert "process_resident_memory_bytes" in found.names
    assert "bat-unknown" not in found.text
    assert "secret-place" not in found.text
    named = {n for one in METRICS if one.publishers is not Publishers.WORKER for n in one.exposed}
    of_work = {"docmill_items_total", "docmill_pages_total"}
    assert named - found.names == of_work, "they exist from the first outcome"
    assert found.values("docmill_outcomes_total") == [0] * len(Outcome)


async def test_outcomes_that_the_api_writes_are_counted_once(
    temporal: Client, tmp_path: Path
) -> None:
    address = f"127.0.0.1:{free_port()}"
    files = write_texts(tmp_path / "in", 3)
    with ApiServer(
        tmp_path / "home",
        DOCMILL_API_METRICS_ADDRESS=address,
        DOCMILL_SOURCE_ROOTS=str(files),
        TEMPORAL_ADDRESS=temporal.service_client.config.target_host,
    ) as server:
        await until_scraped(address, lambda it: it.values("docmill_temporal_up") == [1])
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            source = {"name": "in", "source": {"folder": str(files)}}
            made = await client.post("/api/docmill/v1/directories", json=source)
            body = {
                "source_directory_id": made.json()["id"],
                "config": {"job": {"type": "parse_v2", "configuration_id": "cfg-PARSE_FAST"}},
            }
            batch_id = (await client.post("/api/v2/batches", json=body)).json()["id"]
            await temporal.get_workflow_handle(batch_id).terminate("by an operator")

            async def ended() -> bool:
                answer = await client.get(f"/api/v2/batches/{batch_id}")
                return bool(answer.json()["status"] == "CANCELLED")

            await until(ended)
            assert await ended()
        found = await until_scraped(
            address, lambda it: it.sum("docmill_outcomes_total", outcome="cancelled") > 0
        )

    assert found.sum("docmill_outcomes_total") == 3
    labels = {"class": "cancelled", "engine": "", "project": "Default"}
    assert found.sum("docmill_items_total", outcome="cancelled", **labels) == 3
    assert found.sum("docmill_items_total") == 3
    assert batch_id not in found.text


async def test_api_does_not_start_at_an_address_in_use(
    api_server: ApiServer, tmp_path: Path
) -> None:
    taken = api_server.url.removeprefix("http://")
    with pytest.raises(RuntimeError, match="DOCMILL_API_METRICS_ADDRESS"):
        ApiServer(tmp_path / "home", DOCMILL_API_METRICS_ADDRESS=taken)
