"""Planted secrets are found in nothing that is written.

Stored in plain text by design, and not searched: the text of documents in the object store; names
of files, and URLs of documents with their query, in the records.
"""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from docmill.contracts.access import Role
from docmill.ids import DEFAULT_PROJECT_ID, Prefix, new_id
from docmill.records.api_keys import ApiKeys
from docmill.records.projects import Projects
from tests.fixtures.api import ApiServer
from tests.fixtures.keys import SECRET_KEY
from tests.fixtures.mill import Mill, until
from tests.fixtures.receivers import Receiver
from tests.records.everywhere import everything_in
from tests.webhooks.conftest import arrived, hooked

DOCUMENT = "canary-document-9c1f"
MODEL_KEY = "canary-model-key-4be7"
SIGNING_SECRET = "canary-signing-secret-77d0"
HEADER = "canary-header-a1b2"
URL_TOKEN = "canary-url-token-e5f6"

COMMANDS: dict[str, dict[str, Any]] = {
    "completes.txt": {"do": "parse"},
    "fails.txt": {"do": "fail", "failure_class": "encrypted"},
    "crashes.txt": {"do": "segfault"},
    "hangs.txt": {"do": "sleep", "seconds": 600},
}


def write_documents(folder: Path) -> Path:
    """Write a document for each fate, with the canary as its text."""
    folder.mkdir()
    for name, command in COMMANDS.items():
        (folder / name).write_text(f"{json.dumps(command)}\n{DOCUMENT}\n")
    return folder


async def temporal_knows(mill: Mill, workflow_ids: set[str]) -> bytes:
    """Histories, memos and search attributes of every workflow of these ids."""
    found = []
    async for execution in mill.temporal.list_workflows():
        if execution.id in workflow_ids or "webhooks-" in execution.id:
            handle = mill.temporal.get_workflow_handle(execution.id, run_id=execution.run_id)
            found += [event.SerializeToString() async for event in handle.fetch_history_events()]
            found.append((await handle.describe()).raw_description.SerializeToString())
    return b"\n".join(found)


def bytes_below(folder: Path) -> bytes:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return b"\n".join(path.read_bytes() for path in files)


def forms_of(canary: str) -> set[bytes]:
    """Return the forms of a canary in what is searched: as it is, and as PostgreSQL shows bytes."""
    return {canary.encode(), canary.encode().hex().encode()}


async def test_planted_secrets_are_found_nowhere(
    mill: Mill,
    receiver: Receiver,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    changes = {
        "llm_api_key": SecretStr(MODEL_KEY),
        "secret_key": SecretStr(SECRET_KEY),
        "engine_timeout_seconds": 1,
        "fence_allow": ("127.0.0.1",),
    }
    hook_mill = Mill(mill.temporal, mill.database, mill.settings.model_copy(update=changes))
    async with hook_mill.database.write() as session:
        project = await Projects(session).get(DEFAULT_PROJECT_ID)
        api_key = (await ApiKeys(session).create(project, "canary", Role.ADMIN, None)).text
    async with hook_mill.faulty_worker():
        batch = await hooked(
            hook_mill,
            write_documents(tmp_path / "in"),
            new_id(Prefix.BATCH),
            receiver.url(f"/{URL_TOKEN}"),
            webhook_headers={"X-Token": HEADER},
            webhook_signing_secret=SIGNING_SECRET,
        )
        await hook_mill.client.result(batch.id)
        await until(lambda: arrived(hook_mill.database))
    outcomes = {item.path: item.failure_class for item in await hook_mill.items(batch)}
    assert outcomes == {
        "completes.txt": None,
        "fails.txt": "encrypted",
        "crashes.txt": "crashed",
        "hangs.txt": "timeout",
    }
    assert receiver.calls[-1].headers["X-Token"] == HEADER, "it was used"

    home = hook_mill.settings.home
    objects = Path(hook_mill.settings.store.removeprefix("file://"))
    logged = "".join([*capfd.readouterr(), caplog.text])
    assert "engine.process_died" in logged
    written = {
        "Temporal": await temporal_knows(hook_mill, {batch.id}),
        "records": await everything_in(hook_mill.database),
        "logs": logged.encode() + bytes_below(home / "logs"),
        "object names": "\n".join(map(str, objects.rglob("*"))).encode(),
    }
    for place in ("Temporal", "records", "object names"):
        assert written[place], place
    assert batch.id.encode() in written["Temporal"]
    assert batch.id.encode() in written["records"]
    contents = bytes_below(objects)
    assert DOCUMENT.encode() in contents, "results hold the text of their document"
    secret_part = api_key.rpartition("_")[2]
    for canary in (DOCUMENT, MODEL_KEY, SIGNING_SECRET, HEADER, URL_TOKEN, secret_part):
        found = [
            place for place, held in written.items() if any(one in held for one in forms_of(canary))
        ]
        assert found == [], canary
        assert canary == DOCUMENT or canary.encode() not in contents


@pytest.mark.integration
async def test_error_answers_and_logs_of_the_api_repeat_no_secret(tmp_path: Path) -> None:
    secrets = {
        "webhook_url": f"http://user:{URL_TOKEN}@127.0.0.1/{URL_TOKEN}",
        "webhook_headers": {"X-Token": HEADER, "Host": HEADER},
        "webhook_signing_secret": SIGNING_SECRET,
    }
    with ApiServer(tmp_path / "home", DOCMILL_AUTH="keys", DOCMILL_LLM_API_KEY=MODEL_KEY) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as api:
            key = {"Authorization": "Bearer dml_nobody_canarykeycanarykeycanarykey"}
            refused = [await api.post("/api/v1/beta/webhook-configs", json=secrets, headers=key)]
        assert refused[0].status_code == 401
        log = server.log.read_text()
    with ApiServer(tmp_path / "local", DOCMILL_LLM_API_KEY=MODEL_KEY) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as api:
            wrong: list[Any] = [
                secrets,
                secrets | {"webhook_url": "https://example.com/"},
                {"webhook_signing_secret": [SIGNING_SECRET], "webhook_headers": HEADER},
            ]
            for body in wrong:
                refused.append(await api.post("/api/v1/beta/webhook-configs", json=body))
            job = {
                "source_url": f"http://user:{URL_TOKEN}@127.0.0.1/a.pdf?sig={URL_TOKEN}",
                "tier": "fast",
                "version": "latest",
            }
            refused.append(await api.post("/api/v2/parse", json=job))
        log += server.log.read_text()
    assert {answer.status_code for answer in refused[1:]} <= {400, 422, 503}
    said = log + "".join(answer.text for answer in refused)
    for canary in (URL_TOKEN, HEADER, SIGNING_SECRET, MODEL_KEY, "canarykey"):
        assert canary not in said, canary
