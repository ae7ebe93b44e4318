"""The health endpoint of a worker, as probes of Docker and Kubernetes read it."""

import asyncio

import httpx
import pytest

from docmill.embedded.addresses import free_port
from docmill.metrics.health import serving_health
from tests.fixtures.mill import Mill
from tests.fixtures.worker_process import worker_process

pytestmark = pytest.mark.integration


async def _until_ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                if (await client.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass  # it does not listen yet
            await asyncio.sleep(0.05)


async def test_worker_answers_probes_and_stops_on_sigterm(small_mill: Mill) -> None:
    address = f"127.0.0.1:{free_port()}"
    async with (
        worker_process(small_mill, DOCMILL_WORKER_HEALTH_ADDRESS=address) as process,
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        await _until_ready(client)
        alive = await client.get("/healthz")
        assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
        assert (await client.get("/metrics")).status_code == 404
        process.terminate()
        assert await process.wait() == 0


async def test_readiness_follows_the_polling_of_the_worker() -> None:
    address, polling = f"127.0.0.1:{free_port()}", asyncio.Event()
    async with (
        serving_health(address, polling),
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        before = await client.get("/readyz")
        polling.set()
        after = await client.get("/readyz")

    assert (before.status_code, before.json()) == (503, {"ready": False})
    assert (after.status_code, after.json()) == (200, {"ready": True})


async def test_worker_names_the_health_address_that_it_cannot_use(small_mill: Mill) -> None:
    taken = small_mill.temporal.service_client.config.target_host
    async with worker_process(small_mill, DOCMILL_WORKER_HEALTH_ADDRESS=taken) as process:
        assert await process.wait() == 1
