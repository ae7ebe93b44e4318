"""The commands of the five source pages run as printed, with real ids."""

import json
import os
import shlex
import subprocess
import sys
from typing import Any

import httpx
import pytest

from tests.api.steps import make_directory, ok, upload
from tests.fixtures.api import ROOT, ApiServer

UUIDS = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"

BETA_CREATE = """
llamacloud-prod beta:batch create \\
  --api-key 'My API Key' \\
  --job-config '{}'
"""
BETA_LIST = """
llamacloud-prod beta:batch list \\
  --api-key 'My API Key'
"""
CREATE = f"""
llamacloud-prod batches create \\
  --api-key 'My API Key' \\
  --config '{{job: {{configuration_id: cfg-{UUIDS}, type: parse_v2}}}}' \\
  --source-directory-id dir-{UUIDS}
"""
LIST = """
llamacloud-prod batches list \\
  --api-key 'My API Key'
"""
GET = """
llamacloud-prod batches get \\
  --api-key 'My API Key' \\
  --batch-id batch_id
"""

Ended = subprocess.CompletedProcess[str]


class Pages:
    """Runs printed commands against one server."""

    def __init__(self, server: ApiServer, configuration: str, directory: str) -> None:
        self._server = server
        self._ids = {f"cfg-{UUIDS}": configuration, f"dir-{UUIDS}": directory}

    def end(self, printed: str, **ids: str) -> Ended:
        """Run a printed command, and more options after it."""
        for placeholder, real in {**self._ids, **ids}.items():
            printed = printed.replace(placeholder, real)
        words = shlex.split(printed.replace("\\\n", " "))
        assert words[0] == "llamacloud-prod"
        return subprocess.run(
            [sys.executable, "starter.py", *words[1:]],
            cwd=ROOT,
            env={**os.environ, "LLAMA_CLOUD_BASE_URL": self._server.url},
            capture_output=True,
            text=True,
            check=False,
        )

    def show(self, printed: str, **ids: str) -> Any:
        """Run a printed command and return its JSON."""
        ended = self.end(printed, **ids)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)


@pytest.fixture
async def pages(api: httpx.AsyncClient, api_server: ApiServer) -> Pages:
    parameters = {"product_type": "parse_v2", "tier": "fast", "version": "latest"}
    configuration = await ok(
        await api.post(
            "/api/v1/beta/configurations", json={"name": "printed", "parameters": parameters}
        ),
        201,
    )
    directory = await make_directory(api)
    await upload(api, directory["id"], "a.txt", b"a")
    return Pages(api_server, configuration["id"], directory["id"])


def test_v2_pages_run_as_printed(pages: Pages) -> None:
    made = pages.show(CREATE)
    assert made["status"] == "PENDING"
    assert set(made) == {
        "id", "config", "project_id", "source_directory_id", "status", "created_at", "results",
        "updated_at",
    }  # fmt: skip
    assert pages.show(GET, batch_id=made["id"]) == made
    assert pages.show(GET + " --expand results", batch_id=made["id"]) == made
    listed = pages.show(LIST)
    assert set(listed) == {"items", "next_page_token", "total_size"}
    assert made in listed["items"]
    some = f" --source-directory-id {made['source_directory_id']} --status PENDING --page-size 1"
    assert pages.show(LIST + some)["items"] == [made]


async def test_printed_create_accepts_an_extraction(pages: Pages, api: httpx.AsyncClient) -> None:
    parameters = {
        "product_type": "extract_v2",
        "data_schema": {"properties": {"total": {"type": "number"}}},
        "engine": "basic",
    }
    configuration = await ok(
        await api.post(
            "/api/v1/beta/configurations", json={"name": "fields", "parameters": parameters}
        ),
        201,
    )
    printed = CREATE.replace("parse_v2", "extract_v2")

    made = pages.show(printed.replace(f"cfg-{UUIDS}", configuration["id"]))
    mixed = pages.end(printed)

    assert made["config"]["job"]["type"] == "extract_v2"
    assert mixed.returncode == 2
    assert "not extract_v2" in mixed.stderr


def test_v1_pages_run_as_printed(pages: Pages) -> None:
    incomplete = pages.end(BETA_CREATE)
    assert incomplete.returncode == 2
    assert "directory_id or item_ids" in incomplete.stderr
    made = pages.show(BETA_CREATE + f" --directory-id dir-{UUIDS} --page-size 10")
    assert (made["job_type"], made["status"], made["total_items"]) == ("parse", "pending", 1)
    assert made["workflow_id"] == made["id"]
    listed = pages.show(BETA_LIST + f" --directory-id dir-{UUIDS} --limit 5")
    assert set(listed) == {"items", "next_page_token", "total_size"}
    assert listed["items"] == [made]
    state = pages.show(f"llamacloud-prod beta:batch get-status --job-id {made['id']}")
    assert state["job"] == made


def test_invalid_values_and_rejected_requests_are_explained(pages: Pages) -> None:
    unreadable = pages.end(BETA_CREATE.replace("{}", "{a: ["))
    assert unreadable.returncode == 2
    assert "--job-config" in unreadable.stderr
    unknown = pages.end(GET)
    assert unknown.returncode == 2
    assert "batch_id" in unknown.stderr
    away = pages.end(LIST + " --base-url http://127.0.0.1:9")
    assert away.returncode == 3
    assert "does not answer" in away.stderr
    named = pages.end(BETA_CREATE + f" --item-id dfl-{UUIDS} --item-id dfl-x")
    assert named.returncode == 2
    assert f"dfl-{UUIDS}" in named.stderr
    namespace = pages.end(BETA_CREATE + f" --directory-id dir-{UUIDS} --temporal-namespace other")
    assert namespace.returncode == 2
    assert "other" in namespace.stderr


def test_create_passes_on_its_strict_option(pages: Pages) -> None:
    for printed in (CREATE, BETA_CREATE.rstrip() + f" --directory-id dir-{UUIDS}"):
        refused = pages.end(f"{printed.rstrip()} --strict=nonsense")
        assert (refused.returncode, "no warning nonsense" in refused.stderr) == (2, True)
    assert pages.show(f"{CREATE.rstrip()} --strict")["status"] == "PENDING"
