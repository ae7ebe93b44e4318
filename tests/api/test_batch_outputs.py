"""Batches whose results workers write to a folder or a bucket that the request names."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from docmill.api.core.errors import FieldError
from docmill.api.core.wire import wire_project
from docmill.api.jobs.outputs import BucketOutput, FolderOutput, output_location
from docmill.contracts.exports import export_workflow_id
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.objects.open import open_bucket
from docmill.objects.places import BucketUrl
from docmill.outputs.verify import verify
from docmill.records.database import Database
from docmill.records.scope import EVERY_PROJECT
from docmill.records.tables.sources import Directory
from docmill.settings import Settings
from docmill.sources.folder import FolderSource
from tests.api.steps import make_directory, ok, upload
from tests.fixtures.api import ApiServer
from tests.fixtures.mill import Mill, settings_for, until, write_texts

pytestmark = pytest.mark.integration

SOURCES, V1, V2 = (
    "/api/docmill/v1/directories",
    "/api/v1/beta/batch-processing",
    "/api/v2/batches",
)
CONFIG = {"job": {"type": "parse_v2", "configuration_id": "cfg-PARSE_FAST"}}


@pytest.fixture
async def api(temporal: Client, s3_url: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """An API over a folder with three files; results of a project may go below its id."""
    settings = settings_for(tmp_path, "")
    write_texts(tmp_path / "in", 3)
    (tmp_path / "out").mkdir()
    with ApiServer(
        settings.home,
        TEMPORAL_ADDRESS=temporal.service_client.config.target_host,
        DOCMILL_SOURCE_ROOTS=str(tmp_path / "in"),
        DOCMILL_DESTINATION_ROOTS=str(tmp_path / "out" / "{project_id}"),
        DOCMILL_DESTINATION_BUCKETS=f"{s3_url}/{{project_id}}",
    ) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            yield client


@pytest.fixture
async def mill(temporal: Client, tmp_path: Path) -> AsyncIterator[Mill]:
    settings = settings_for(tmp_path, "")
    database = Database.of(settings, EVERY_PROJECT)
    yield Mill(temporal, database, settings)
    await database.close()


async def _directory(api: httpx.AsyncClient, tmp_path: Path) -> dict[str, Any]:
    asked = {"name": "in", "source": {"folder": str(tmp_path / "in")}}
    return dict(await ok(await api.post(SOURCES, json=asked), 201))


async def _until_shown(
    api: httpx.AsyncClient, batch_id: str, condition: Callable[[dict[str, Any]], Any]
) -> dict[str, Any]:
    shown: dict[str, Any] = {}

    async def look() -> bool:
        shown.update(await ok(await api.get(f"/api/docmill/v1/batches/{batch_id}")))
        return bool(condition(shown))

    await until(look)
    return shown


async def _exported(api: httpx.AsyncClient, batch_id: str) -> dict[str, Any]:
    return await _until_shown(api, batch_id, lambda it: it["output"]["exported_at"])


async def test_results_are_at_their_destination_unless_it_cannot_be_written(
    api: httpx.AsyncClient, mill: Mill, s3_url: str, tmp_path: Path
) -> None:
    directory = await _directory(api, tmp_path)
    folder = tmp_path / "out" / directory["project_id"] / "new"
    bucket = BucketUrl.parse(f"{s3_url}/{directory['project_id']}/results")
    body = {"source_directory_id": directory["id"], "config": CONFIG}
    v1 = {"directory_id": directory["id"], "job_config": {}, "output": {"bucket": str(bucket)}}

    first = await ok(await api.post(V2, json=body | {"output": {"folder": str(folder)}}), 201)
    second = await ok(await api.post(V1, json=v1), 201)
    plain = await ok(await api.post(V2, json=body), 201)
    (folder.parent).mkdir()
    (folder.parent / "taken").write_text("a file")
    taken = {"output": {"folder": str(folder.parent / "taken")}}
    third = await ok(await api.post(V2, json=body | taken), 201)
    async with mill.worker():
        shown = await _exported(api, first["id"])
        await _exported(api, second["id"])
        failed = await _until_shown(
            api, third["id"], lambda it: it["output"]["error"] and it["ended_at"]
        )

    assert shown["output"] == {
        "location": str(folder),
        "exported_at": shown["output"]["exported_at"],
        "error": None,
    }
    assert "output" not in first
    assert verify(folder) == verify(bucket) == []
    assert {path.name for path in folder.glob("*.md")} == {f"note-000{n}.txt.md" for n in range(3)}
    names = {found.path for page in open_bucket(bucket).pages() for found in page}
    assert {"note-0000.txt.json", "manifest.parquet", "report.html", ".docmill-run.json"} <= names
    assert (failed["status"], failed["counts"]["completed"] + failed["counts"]["skipped"]) == (
        "COMPLETED",
        3,
    )
    assert "is a file" in failed["output"]["error"]
    assert failed["output"]["exported_at"] is None
    export = mill.temporal.get_workflow_handle(export_workflow_id(third["id"], 1))
    assert (await export.describe()).status is WorkflowExecutionStatus.FAILED
    unexported = await ok(await api.get(f"/api/docmill/v1/batches/{plain['id']}"))
    assert unexported["output"] is None


@pytest.mark.parametrize(
    "asked",
    [
        {"folder": "{out}/another-project/x"},
        {"folder": "{out}/{own}/../another-project"},
        {"folder": "{out}/{own}/link/x"},
        {"folder": "{out}/{own}-x"},
        {"folder": "relative"},
        {"folder": "{out}/{own}/home/results"},
        {"folder": "{out}/{own}/in"},
        {"bucket": "s3://results"},
        {"bucket": "s3://results/another-project"},
        {"bucket": "s3://results/{own}-x"},
        {"bucket": "s3://key:secret@results/{own}"},
        {"bucket": "/etc"},
    ],
)
def test_destination_outside_the_allowed_places_is_rejected(
    tmp_path: Path, asked: dict[str, str]
) -> None:
    own = wire_project(DEFAULT_PROJECT_ID)
    (tmp_path / own / "in").mkdir(parents=True)
    (tmp_path / own / "link").symlink_to(tmp_path.parent)
    settings = Settings(
        home=tmp_path / own / "home",
        destination_roots=(tmp_path / "{project_id}",),
        destination_buckets=("s3://results/{project_id}",),
    )
    directory = Directory(source=FolderSource.resolve(tmp_path / own / "in").as_json())
    model = FolderOutput if "folder" in asked else BucketOutput
    (name, text), *_ = asked.items()
    named = model.model_validate({name: text.format(out=tmp_path, own=own)})

    with pytest.raises(FieldError) as refused:
        output_location(settings, DEFAULT_PROJECT_ID, named, directory)
    assert "secret" not in refused.value.message + refused.value.hint

    allowed = FolderOutput(folder=f"{tmp_path}/{own}/new/x")
    location = output_location(settings, DEFAULT_PROJECT_ID, allowed, directory)
    assert location == f"{tmp_path}/{own}/new/x"


@pytest.mark.parametrize(
    ("output", "setting"),
    [
        ({"folder": "/tmp/x"}, "DOCMILL_DESTINATION_ROOTS"),
        ({"bucket": "s3://bucket/x"}, "DOCMILL_DESTINATION_BUCKETS"),
        ({}, "output"),
    ],
)
async def test_no_destination_is_allowed_without_a_setting(
    api_server: ApiServer, output: dict[str, str], setting: str
) -> None:
    async with httpx.AsyncClient(base_url=api_server.url, timeout=30) as client:
        directory = await make_directory(client)
        await upload(client, directory["id"], "a.txt", b"text")
        v2 = {"source_directory_id": directory["id"], "config": CONFIG, "output": output}
        v1 = {"directory_id": directory["id"], "job_config": {}, "output": output}
        for path, body in ((V2, v2), (V1, v1)):
            answer = await client.post(path, json=body)
            assert answer.status_code == 422
            assert setting in answer.text
