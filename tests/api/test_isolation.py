"""Projects are isolated: every operation, called with the ids of another project.

A request about an object of another project gets the same status, headers and body as a request
about an unknown id. The operations are those of the served OpenAPI document: a new operation is
tested without a change here, or the test names the input that it lacks.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from docmill.api.app import create_app
from docmill.records.audit import Audit
from docmill.settings import Settings
from tests.api.steps import make_directory, ok, upload
from tests.fixtures.api import ApiServer
from tests.fixtures.keys import Team, make_team

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
DOCUMENT = create_app(Settings()).openapi()
CONTENT = "/api/docmill/v1/content/"
ID = re.compile(r"\b[a-z]{3,4}-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
CHANGING = re.compile(r"^(date|content-length|retry-after.*)$")
PARSE = {"parameters": {"product_type": "parse_v2", "tier": "fast", "version": "latest"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
EXTRACT = {"data_schema": SCHEMA, "engine": "basic"}
RULES = {"rules": [{"type": "a", "description": "any document at all"}]}
ENDPOINT = {"webhook_url": "https://example.com/hook"}

BODIES: Mapping[str, list[Any]] = {
    "BatchCreate": [
        {
            "source_directory_id": "$dir",
            "config": {"job": {"type": "parse_v2", "configuration_id": "cfg-PARSE_FAST"}},
        },
        {
            "source_directory_id": "$own_dir",
            "config": {"job": {"type": "parse_v2", "configuration_id": "$cfg"}},
        },
        {
            "source_directory_id": "$own_dir",
            "config": {"job": {"type": "parse_v2", "configuration_id": "cfg-PARSE_FAST"}},
            "webhook_configuration_ids": ["$whc"],
        },
        {
            "source_directory_id": "$dir",
            "config": {"job": {"type": "parse_v2", "configuration_id": "cfg-PARSE_FAST"}},
            "output": {"bucket": "s3://results/$project"},
        },
    ],
    "V1BatchCreate": [
        {"directory_id": "$dir", "job_config": {}},
        {"item_ids": ["$dfl"], "job_config": {}},
        {"directory_id": "$dir", "job_config": {}, "output": {"folder": "/results/$project"}},
    ],
    "ParseCreate": [
        {"tier": "fast", "version": "latest", "file_id": "$file"},
        {"tier": "fast", "version": "latest", "file_id": "$dfl"},
        {"tier": "configured", "version": "configured", "file_id": "x", "configuration_id": "$cfg"},
    ],
    "ClassifyCreate": [
        {"file_input": "$file", "configuration": RULES},
        {"file_input": "$pjb", "configuration": RULES},
        {"file_input": "$file", "configuration_id": "$cfg"},
    ],
    "ExtractCreate": [
        {"file_input": "$file", "configuration": EXTRACT},
        {"file_input": "$pjb", "configuration": EXTRACT},
        {"file_input": "$file", "configuration_id": "$cfg"},
    ],
    "SchemaGeneration": [{"file_id": "$file", "prompt": "a"}, {"file_id": "$pjb", "prompt": "a"}],
    "SchemaValidation": [{"data_schema": SCHEMA}],
    "FileQuery": [{"filter": {"file_ids": ["$file"]}}, {"filter": {"project_id": "$project"}}],
    "DirectoryFileAttach": [{"file_id": "$file"}],
    "BulkDelete": [{"directory_file_ids": ["$dfl"]}, {"file_ids": ["$dfl"]}],
    "DirectoryCreate": [{"name": "d"}],
    "DirectoryUpdate": [{"name": "taken"}],
    "DirectoryFileUpdate": [{"display_name": "taken"}],
    "ConfigurationCreate": [{"name": "mine", **PARSE}],
    "ConfigurationUpdate": [{"name": "taken", **PARSE}],
    "WebhookCreate": [ENDPOINT],
    "WebhookUpdate": [{"webhook_url": "https://example.com/taken"}],
    "SourceDirectoryCreate": [{"name": "d", "source": {"folder": "/nowhere"}}],
    "ConcurrencyChange": [{"concurrency": 3}],
    "V1Cancel": [{"reason": "taken"}],
    "Cancel": [{"drain": False}],
    "Redrive": [{"configuration_id": "$cfg"}, {}],
}
"""Bodies by the name of their schema, with ids of the other project in the places of ids."""


NAMED_BY: Mapping[str, list[str]] = {
    "batch_id": ["bat", "bjb"],
    "config_id": ["cfg", "whc"],
    "directory_id": ["dir"],
    "event_id": ["event"],
    "file_id": ["file", "dfl"],
    "item_id": ["dfl", "pjb"],
    "job_id": ["bjb", "pjb", "ext", "clj"],
    "project_id": ["project"],
}
"""The kinds of ids that a path takes; one that is not here is tried with all."""


@dataclass
class Owner:
    """A project with one of everything, and the client of its key."""

    team: Team
    client: httpx.AsyncClient
    ids: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, server_database: dict[str, str]
) -> Iterator[ApiServer]:
    """A server for two projects; Temporal is away."""
    home = tmp_path_factory.mktemp("shared")
    with ApiServer(home, DOCMILL_AUTH="keys", **server_database) as server:
        yield server


async def _owner(server: ApiServer) -> Owner:
    database = server.records()
    team = await make_team(database, None)
    await database.close()
    client = httpx.AsyncClient(base_url=server.url, headers=team.headers, timeout=30)
    return Owner(team, client)


@pytest.fixture
async def one(shared: ApiServer) -> AsyncIterator[Owner]:
    """The project that owns one of everything."""
    owner = await _owner(shared)
    async with owner.client as api:
        ids = owner.ids
        ids["project"] = owner.team.project_id
        ids["dir"] = (await make_directory(api))["id"]
        ids["dfl"] = (await upload(api, ids["dir"], "a.txt", b"secret of one"))["id"]
        sent: dict[str, Any] = {
            "files": {"file": ("b.txt", b"secret of one")},
            "data": {"purpose": "parse"},
        }
        ids["file"] = (await ok(await api.post("/api/v1/beta/files", **sent), 201))["id"]
        named = {"name": "c", **PARSE}
        made = await api.post("/api/v1/beta/configurations", json=named)
        ids["cfg"] = (await ok(made, 201))["id"]
        made = await api.post("/api/v1/beta/webhook-configs", json=ENDPOINT)
        ids["whc"] = (await ok(made, 201))["id"]
        test = await api.post(f"/api/docmill/v1/webhook-configs/{ids['whc']}/test")
        ids["event"] = (await ok(test, test.status_code))["id"]
        bodies = {
            "bat": ("/api/v2/batches", BODIES["BatchCreate"][0]),
            "bjb": ("/api/v1/beta/batch-processing", BODIES["V1BatchCreate"][0]),
            "pjb": ("/api/v2/parse", BODIES["ParseCreate"][0]),
            "clj": ("/api/v2/classify", BODIES["ClassifyCreate"][0]),
            "ext": ("/api/v2/extract", BODIES["ExtractCreate"][0]),
        }
        for kind, (path, body) in bodies.items():
            made = await api.post(path, json=_filled(body, ids, ids))
            assert made.is_success, made.text
            ids[kind] = made.json()["id"]
        yield owner


@pytest.fixture
async def other(shared: ApiServer) -> AsyncIterator[Owner]:
    """The project that asks."""
    owner = await _owner(shared)
    async with owner.client as api:
        owner.ids["dir"] = (await make_directory(api))["id"]
        yield owner


def _filled(value: Any, ids: Mapping[str, str], own: Mapping[str, str]) -> Any:
    text = json.dumps(value)
    for name, identifier in ids.items():
        text = text.replace(f'"${name}"', json.dumps(identifier))
    return json.loads(text.replace('"$own_dir"', json.dumps(own.get("dir", ""))))


def _never(ids: Mapping[str, str]) -> dict[str, str]:
    """Return ids of the same kinds and lengths that never existed."""
    return {name: f"{identifier.split('-')[0]}-{uuid4()}" for name, identifier in ids.items()}


def _requests(ids: Mapping[str, str], own: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield every operation with these ids in every place that takes an id."""
    kinds = [name for name in ids if name != "project"]
    for path, operations in DOCUMENT["paths"].items():
        if path.startswith(CONTENT):
            continue
        names = re.findall(r"{(\w+)}", path)
        for method, operation in operations.items():
            bodies = _bodies(operation, path)
            if names:
                inner = dict.fromkeys(names[1:], ids["dfl"])
                outer = [ids[kind] for kind in NAMED_BY.get(names[0], kinds)]
                outer += [own["dir"]] if inner else []  # below a directory of the asker's own
                for identifier in outer:
                    url = path.format(**{names[0]: identifier}, **inner)
                    yield _request(method, url, bodies[0], ids, own)
            elif any("$" in json.dumps(body) for body in bodies):
                for body in bodies:
                    yield _request(method, path, body, ids, own)
            else:
                yield from _filtered(method, path, operation, bodies[0], ids)


def _filtered(
    method: str, path: str, operation: Any, body: Any, ids: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Yield an operation with these ids in each of its filters."""
    for name in (one["name"] for one in operation.get("parameters", ()) if _is_id(one)):
        for kind in ids:
            if (name == "project_id") == (kind == "project"):
                request = _request(method, path, body, ids, ids)
                yield request | {"params": {name: ids[kind]}}


def _is_id(parameter: Mapping[str, Any]) -> bool:
    name = parameter["name"]
    return parameter["in"] == "query" and bool(
        re.search(r"(^|_)ids?$|file_input|input_value", name) and name != "organization_id"
    )


def _bodies(operation: Mapping[str, Any], path: str) -> list[Any]:
    content = operation.get("requestBody", {}).get("content", {})
    schema = re.search(r"schemas/(\w+)'", str(content.get("application/json", "")))
    if schema is None:
        return [None]
    assert schema[1] in BODIES, f"say in BODIES how to ask {path} for what another project owns"
    return BODIES[schema[1]]


def _request(method: str, url: str, body: Any, ids: Any, own: Any) -> dict[str, Any]:
    request: dict[str, Any] = {"method": method.upper(), "url": url}
    if body is not None:
        request["json"] = _filled(body, ids, own)
    elif url.endswith("/upload"):
        request |= {"files": {"upload_file": ("a", b"x"), "file": ("a", b"x")}}
    return request


def _seen(answer: httpx.Response, ids: Mapping[str, str]) -> Any:
    """Return what an asker sees of an answer, without the ids that it asked with."""
    text = answer.text
    for name, identifier in ids.items():
        for form in (identifier, identifier.partition("-")[2]):
            text = text.replace(form, f"<{name}>")
    headers = {k: v for k, v in answer.headers.items() if not CHANGING.match(k)}
    return answer.status_code, headers, text


async def _state(owner: Owner) -> list[Any]:
    """Return everything that an owner sees of what it owns."""
    lists = [
        path
        for path, operations in DOCUMENT["paths"].items()
        if "get" in operations and "{" not in path and not path.endswith("z")
    ]
    answers = [await owner.client.get(path) for path in lists]
    return [(path, one.status_code, one.text) for path, one in zip(lists, answers, strict=True)]


async def test_object_of_another_project_answers_like_an_unknown_one(
    one: Owner, other: Owner
) -> None:
    never = _never(one.ids)
    before = await _state(one)
    foreign = list(_requests(one.ids, other.ids))
    unknown = list(_requests(never, other.ids))
    assert len(foreign) > 150
    different = []
    for theirs, nobodys in zip(foreign, unknown, strict=True):
        both = (other.client.request(**request) for request in (theirs, nobodys))
        answers = await asyncio.gather(*both)
        seen = [_seen(answers[0], one.ids), _seen(answers[1], never)]
        if answers[0].is_success:  # an object of the asker's own: its id and times differ
            seen = [(status, headers, _shape(text)) for status, headers, text in seen]
        if seen[0] != seen[1]:
            different.append((theirs, seen))
    assert not different, f"{len(different)} differ: {different[:3]}"
    assert await _state(one) == before


def _shape(text: str) -> Any:
    """Return a body without the values that differ between two objects of one project."""
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z?", "<time>", ID.sub("<new>", text))


async def test_page_token_of_another_project_answers_like_an_invalid_one(
    one: Owner, other: Owner
) -> None:
    for owner in (one, other):
        for name in ("x", "y", "z"):
            await make_directory(owner.client, name=name)
            await upload(owner.client, owner.ids["dir"], f"{name}.txt", name.encode())
    lists = [
        path
        for path, operations in DOCUMENT["paths"].items()
        if "{" not in path and "page_token" in str(operations.get("get", {}).get("parameters"))
    ]
    tried = []
    for path in lists:
        page = await ok(await one.client.get(path, params={"page_size": 1}))
        if token := page["next_page_token"]:
            tried.append(path)
            pages = [{"page_size": 1, "page_token": text} for text in (token, token[::-1])]
            theirs, invalid = [await other.client.get(path, params=query) for query in pages]
            assert (theirs.status_code, theirs.text) == (422, invalid.text), path
            assert (await one.client.get(path, params=pages[0])).status_code == 200
    assert {"/api/v1/beta/directories", "/api/v1/beta/files"} <= set(tried)


async def test_download_link_is_valid_only_for_its_project(one: Owner, other: Owner) -> None:
    file_id = one.ids["file"]
    link = await ok(await one.client.get(f"/api/v1/beta/files/{file_id}/content"))
    async with httpx.AsyncClient() as anyone:
        assert (await anyone.get(link["url"])).content == b"secret of one"
        moved = link["url"].replace(one.team.project_id, other.team.project_id)
        assert moved != link["url"]
        forged = re.sub(r"signature=....", "signature=0000", link["url"])
        answers = [await anyone.get(url) for url in (moved, forged)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].text == answers[1].text


async def test_idempotency_keys_and_retries_are_scoped_to_one_project(
    one: Owner, other: Owner
) -> None:
    path = "/api/v1/beta/directories"
    for headers in ({"Idempotency-Key": "the same"}, {"x-stainless-retry-count": "1"}):
        made = await ok(await one.client.post(path, json={"name": "n"}, headers=headers), 201)
        for name in ("n", "another") if "Idempotency-Key" in headers else ("n",):
            theirs = await other.client.post(path, json={"name": name}, headers=headers)
            if name == "n":
                assert (await ok(theirs, 201))["id"] != made["id"]
            else:  # their own request with this key was about "n"
                assert theirs.status_code == 422


async def test_same_bytes_in_two_projects_share_no_object_and_no_file(
    one: Owner, other: Owner, shared: ApiServer
) -> None:
    for owner in (one, other):
        await upload(owner.client, owner.ids["dir"], "same.txt", b"the same bytes")
    objects: Path = shared.home / "objects"
    same = [
        path
        for path in objects.rglob("*")
        if path.is_file() and path.read_bytes() == b"the same bytes"
    ]
    owners = {path.relative_to(objects).parts[1] for path in same}
    assert owners == {one.team.project_id, other.team.project_id}


async def test_changes_and_reads_of_results_are_audited(one: Owner, shared: ApiServer) -> None:
    api, directory = one.client, one.ids["dir"]
    await ok(await api.patch(f"/api/v1/beta/directories/{directory}", json={"name": "n"}))
    await ok(await api.delete(f"/api/v1/beta/webhook-configs/{one.ids['whc']}"), 204)
    link = await ok(await api.get(f"/api/v1/beta/files/{one.ids['file']}/content"))
    async with httpx.AsyncClient() as anyone:
        await anyone.get(link["url"])
    database = shared.records()
    async with database.read() as session:
        rows = await Audit(session).list(one.team.project_id, limit=100)
    await database.close()
    done = {(row.actor, row.action) for row in rows}
    key = f"key:{one.team.key_id}"
    created = {"create_directory", "upload_file", "create_batch", "create_parse_job"}
    assert done >= {(key, action) for action in created}
    assert ("link", "download_file") in done
    changed = {row.action: row.objects for row in rows}
    assert directory in changed["update_directory"]
    assert one.ids["whc"] in changed["delete_webhook"]
    lines = [line for line in shared.log.read_text().splitlines() if '"audit"' in line]
    assert any(one.team.key_id in line and "update_directory" in line for line in lines)
    assert not any("secret of one" in line for line in lines)
