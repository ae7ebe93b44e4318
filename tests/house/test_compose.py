"""The compose file is consistent, and its set-up script works on a real Temporal server."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from docmill.contracts.names import SEARCH_ATTRIBUTES
from docmill.embedded import server
from docmill.embedded.addresses import free_port
from tests.house.code import ROOT

PROGRAMS = Path(sys.executable).parent
TEMPORAL = str(PROGRAMS / "temporal")
LONG_RUNNING = {"postgres", "temporal", "temporal-ui", "worker"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    found: dict[str, Any] = loaded["services"]
    return found


@pytest.fixture
def temporal_address(tmp_path: Path) -> Iterator[str]:
    """A bare Temporal server, without our search attributes."""
    address = f"127.0.0.1:{free_port()}"
    command = [TEMPORAL, "server", "start-dev", "--headless", "--port", address.split(":")[1]]
    with (tmp_path / "log").open("w") as log, subprocess.Popen(command, stdout=log) as process:
        yield address
        process.terminate()


def test_every_image_is_pinned_to_a_version(services: dict[str, Any]) -> None:
    for name, service in services.items():
        tag = service["image"].partition(":")[2]
        assert any(c.isdigit() for c in tag), f"{name}: {service['image']}"


def test_ports_are_published_on_loopback_only(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published), published


def test_no_password_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert "${POSTGRES_PASSWORD:?" in text
    assert "${POSTGRES_PASSWORD:-" not in text


def test_services_wait_for_what_they_need(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for needed, rule in service.get("depends_on", {}).items():
            once = needed not in LONG_RUNNING
            wanted = "service_completed_successfully" if once else "service_healthy"
            assert rule["condition"] == wanted, f"{name} waits for {needed}"
            assert once or "healthcheck" in services[needed], f"{needed} has no health check"


@pytest.mark.integration
def test_docker_compose_accepts_the_file() -> None:
    program = shutil.which("docker-compose")
    if program is None:
        pytest.skip("no docker-compose: apt-get install --no-install-recommends docker-compose")
    environment = {**os.environ, "POSTGRES_PASSWORD": "fortest", "DOCMILL_SECRET_KEY": "fortest"}
    command = [program, "--file", str(ROOT / "docker-compose.yml"), "config", "--quiet"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.integration
def test_namespace_script_creates_the_search_attributes_and_is_idempotent(
    temporal_address: str,
) -> None:
    environment = {
        **os.environ,
        "TEMPORAL_ADDRESS": temporal_address,
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
    }
    script = ["sh", str(ROOT / "deploy/temporal/namespace.sh")]
    for _ in range(2):
        subprocess.run(script, env=environment, check=True, timeout=60)

    command = [TEMPORAL, "operator", "search-attribute", "list", "--address", temporal_address]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = dict(line.split()[:2] for line in listed.splitlines() if line)
    assert SEARCH_ATTRIBUTES.items() <= rows.items()


def test_cluster_has_the_dynamic_configuration_of_the_embedded_server() -> None:
    written = yaml.safe_load((ROOT / "deploy/temporal/dynamic-config.yaml").read_text())
    embedded = dict(value.split("=") for value in server.DYNAMIC_CONFIG)
    assert {key: str(rules[0]["value"]).lower() for key, rules in written.items()} == embedded
