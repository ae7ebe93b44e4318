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
LONG_RUNNING = {"postgres", "prometheus", "store", "temporal", "temporal-ui", "worker"}
SECRETS = ("POSTGRES_PASSWORD", "DOCMILL_SECRET_KEY", "S3_SECRET_KEY", "GRAFANA_PASSWORD")
FILES = {
    "users": ("docker-compose.yml", "docker-compose.override.yml"),
    "end to end": ("docker-compose.yml", "tests/e2e/compose.yml"),
}


def services_of(file: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / file).read_text())["services"]
    return found


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return services_of("docker-compose.yml")


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


def test_ports_are_published_on_loopback_only_and_by_another_file(
    services: dict[str, Any],
) -> None:
    assert not [name for name, service in services.items() if "ports" in service]
    for file in ("docker-compose.override.yml", "tests/e2e/compose.yml"):
        published = [port for one in services_of(file).values() for port in one.get("ports", ())]
        assert published
        assert all(port.startswith("127.0.0.1:") for port in published), published


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for secret in SECRETS:
        assert f"${{{secret}:?" in text
        assert f"${{{secret}:-" not in text


def test_every_container_is_confined_and_limited(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"cpus", "mem_limit", "pids_limit"} <= service.keys(), name


def test_docmill_writes_only_to_its_volume_and_a_tmpfs(services: dict[str, Any]) -> None:
    ours = {name: one for name, one in services.items() if one["image"].startswith("docmill:")}
    assert ours.keys() == {"api", "cli", "migrate", "worker"}
    for name, service in ours.items():
        assert service["read_only"], name
        assert service["tmpfs"] == ["/tmp"], name
        assert service["volumes"] == ["scratch:/var/lib/docmill"], name


def test_workers_have_the_version_of_their_image_once_a_deployment_is_named(
    services: dict[str, Any],
) -> None:
    for name in ("api", "cli", "worker"):
        deployment = services[name]["environment"]["DOCMILL_WORKER_DEPLOYMENT"]
        assert deployment == "${DOCMILL_WORKER_DEPLOYMENT:-}", name
        assert services[name]["build"]["args"] == {"BUILD_ID": "${DOCMILL_VERSION:-}"}, name
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert lines.index("ARG BUILD_ID=") < lines.index("ENV DOCMILL_WORKER_BUILD_ID=$BUILD_ID")


def test_prometheus_scrapes_the_addresses_of_worker_and_api(services: dict[str, Any]) -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    scraped = {
        discovery["names"][0]: discovery["port"]
        for job in config["scrape_configs"]
        for discovery in job["dns_sd_configs"]
    }
    for name, port in scraped.items():
        address = services[name]["environment"][f"DOCMILL_{name.upper()}_METRICS_ADDRESS"]
        assert address == f"0.0.0.0:{port}"
    assert scraped.keys() == {"api", "worker"}


def test_every_mounted_file_exists(services: dict[str, Any]) -> None:
    mounted = [volume for one in services.values() for volume in one.get("volumes", ())]
    files = [volume.split(":")[0] for volume in mounted if volume.startswith("./")]
    assert files
    assert not [file for file in files if not (ROOT / file).exists()]


def test_services_wait_for_what_they_need(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for needed, rule in service.get("depends_on", {}).items():
            once = needed not in LONG_RUNNING
            wanted = "service_completed_successfully" if once else "service_healthy"
            assert rule["condition"] == wanted, f"{name} waits for {needed}"
            assert once or "healthcheck" in services[needed], f"{needed} has no health check"


@pytest.mark.integration
@pytest.mark.parametrize("files", FILES.values(), ids=FILES)
def test_docker_compose_accepts_the_files(files: tuple[str, ...]) -> None:
    program = shutil.which("docker-compose")
    if program is None:
        pytest.skip("no docker-compose: apt-get install --no-install-recommends docker-compose")
    named = [argument for file in files for argument in ("--file", str(ROOT / file))]
    ended = subprocess.run(
        [program, *named, "config", "--quiet"],
        env={**os.environ, **dict.fromkeys(SECRETS, "fortest")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.integration
def test_secrets_script_names_every_secret() -> None:
    script = ["sh", str(ROOT / "deploy/secrets.sh")]
    made = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    values = dict(line.split("=", 1) for line in made.splitlines())
    assert values.keys() == set(SECRETS)
    assert all(len(value) >= 24 for value in values.values())


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
