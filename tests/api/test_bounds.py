"""Fields of requests are validated when they are stored, with the same bounds on every route."""

import uuid
from typing import Any

import httpx
import pytest

BOUNDARY = "edge"


async def _directory(api: httpx.AsyncClient, **fields: Any) -> str:
    made = await api.post("/api/v1/beta/directories", json={"name": "d", **fields})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def _part(content_type: bytes, disposition: bytes = b'filename="a.txt"') -> bytes:
    lines = [
        b"--edge",
        b'Content-Disposition: form-data; name="purpose"',
        b"",
        b"parse",
        b"--edge",
        b'Content-Disposition: form-data; name="file"; ' + disposition,
        b"Content-Type: " + content_type,
        b"",
        uuid.uuid4().bytes.hex().encode(),
        b"--edge--",
        b"",
    ]
    return b"\r\n".join(lines)


async def _upload(api: httpx.AsyncClient, body: bytes) -> httpx.Response:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return await api.post("/api/v1/beta/files", content=body, headers=headers)


@pytest.mark.parametrize(
    "content_type", [b"text/plain\nX-Evil: 1", b"text/plain\0", b"text/\xe4", b"x" * 300, b" "]
)
async def test_part_with_an_invalid_content_type_is_rejected(
    api: httpx.AsyncClient, content_type: bytes
) -> None:
    assert (await _upload(api, _part(content_type))).status_code == 422


async def test_content_type_with_parameters_is_served_unchanged(api: httpx.AsyncClient) -> None:
    made = await _upload(api, _part(b'text/plain; charset="utf-8"'))
    link = (await api.get(f"/api/v1/beta/files/{made.json()['id']}/content")).json()["url"]
    assert (await api.get(link)).headers["content-type"] == 'text/plain; charset="utf-8"'


async def test_extended_file_name_wins_over_the_plain_one(api: httpx.AsyncClient) -> None:
    names = b"filename=\"plain.txt\"; filename*=UTF-8''%C3%96l%20%26%20Gas.txt"
    made = await _upload(api, _part(b"text/plain", names))
    assert made.json()["name"] == "Öl & Gas.txt"


@pytest.mark.parametrize("field", ["display_name", "unique_id", "external_file_id"])
async def test_form_has_the_same_bounds_as_the_json_routes(
    api: httpx.AsyncClient, field: str
) -> None:
    path = f"/api/v1/beta/directories/{await _directory(api)}/files/upload"
    files = {"upload_file": ("a.txt", b"x")}
    assert (await api.post(path, files=files, data={field: "u" * 3_001})).status_code == 422
    assert (await api.post(path, files=files, data={field: "u" * 3_000})).status_code == 201


@pytest.mark.parametrize(
    "metadata",
    [
        {str(number): "v" * 100 for number in range(101)},
        {"k" * 201: "v"},
        {"k": "v" * 2_001},
    ],
)
async def test_oversized_user_metadata_is_rejected(
    api: httpx.AsyncClient, metadata: dict[str, str]
) -> None:
    body = {"file_id": "dfl-x", "tier": "fast", "version": "latest", "user_metadata": metadata}
    assert (await api.post("/api/v2/parse", json=body)).status_code == 422


async def test_oversized_notes_on_files_and_directories_are_rejected(
    api: httpx.AsyncClient,
) -> None:
    large = {"k": "v" * 70_000}
    body = {"name": "d", "system_metadata": large}
    assert (await api.post("/api/v1/beta/directories", json=body)).status_code == 422
    path = f"/api/v1/beta/directories/{await _directory(api)}/files"
    attach = {"file_id": "dfl-x", "metadata": large}
    assert (await api.post(path, json=attach)).status_code == 422


async def test_null_clears_nullable_fields_and_leaves_the_others(api: httpx.AsyncClient) -> None:
    directory = await _directory(api, description="old")
    path = f"/api/v1/beta/directories/{directory}"
    changed = (await api.patch(path, json={"description": None, "name": None})).json()
    assert (changed["description"], changed["name"]) == (None, "d")
    files = {"upload_file": ("a.txt", b"x")}
    data = {"metadata": '{"a": 1}'}
    made = (await api.post(f"{path}/files/upload", files=files, data=data)).json()
    entry = f"{path}/files/{made['id']}"
    assert (await api.patch(entry, json={"display_name": None})).json()["metadata"] == {"a": 1}
    assert (await api.patch(entry, json={"metadata": None})).json()["metadata"] == {}


@pytest.mark.parametrize("pages", ["0", "5-2", "0-3", "1,0", "3, 2-1"])
@pytest.mark.parametrize("product", ["parse_v2", "extract_v2", "classify_v2"])
async def test_configuration_with_invalid_pages_is_rejected(
    api: httpx.AsyncClient, product: str, pages: str
) -> None:
    rules = [{"type": "invoice", "description": "a bill with a total"}]
    schema = {"type": "object", "properties": {"total": {"type": "number"}}}
    parameters: dict[str, dict[str, Any]] = {
        "parse_v2": {"tier": "fast", "page_ranges": {"target_pages": pages}},
        "extract_v2": {"data_schema": schema, "target_pages": pages},
        "classify_v2": {"rules": rules, "parsing_configuration": {"target_pages": pages}},
    }
    body = {"name": "n", "parameters": {"product_type": product, **parameters[product]}}
    made = await api.post("/api/v1/beta/configurations", json=body)
    assert made.status_code == 422
    assert "target_pages" in made.text


async def test_v1_target_pages_must_be_text(api: httpx.AsyncClient) -> None:
    body = {"item_ids": ["dfl-x"], "job_config": {"parameters": {"target_pages": 0}}}
    assert (await api.post("/api/v1/beta/batch-processing", json=body)).status_code == 422


@pytest.mark.parametrize(
    "hooks",
    [
        {"webhook_configurations": [{"webhook_url": "http://10.1.2.3/h"}]},
        {"webhook_configurations": [{"webhook_url": "http://[::1]/h"}]},
        {"webhook_configurations": [{"webhook_url": "https://a.example/", "webhook_headers": 5}]},
        {"webhook_configurations": [{"webhook_url": "ftp://a.example/"}]},
        {"webhook_configuration_ids": ["whc-none"]},
    ],
)
async def test_configuration_with_a_webhook_that_cannot_be_sent_is_rejected(
    api: httpx.AsyncClient, hooks: dict[str, Any]
) -> None:
    body = {"name": "hooked", "parameters": {"product_type": "parse_v2", "tier": "fast", **hooks}}
    made = await api.post("/api/v1/beta/configurations", json=body)
    assert made.status_code == 422
    assert next(iter(hooks)) in made.text


async def test_header_values_of_webhooks_may_be_numbers(api: httpx.AsyncClient) -> None:
    hook = {"webhook_url": "https://a.example/h", "webhook_headers": {"X-T": 5, "X-B": True}}
    parameters = {
        "product_type": "parse_v2",
        "tier": "fast",
        "version": "latest",
        "webhook_configurations": [hook],
    }
    body = {"name": "numbers", "parameters": parameters}
    made = await api.post("/api/v1/beta/configurations", json=body)
    assert made.status_code == 201, made.text


async def test_file_query_applies_or_rejects_each_field(api: httpx.AsyncClient) -> None:
    mark = uuid.uuid4().hex
    for name in ("b", "a", "c"):
        files, data = {"file": (name, name.encode())}, {"purpose": "parse"}
        made = await api.post(
            "/api/v1/beta/files", files=files, data={**data, "external_file_id": mark}
        )
        assert made.status_code == 201

    async def ask(**body: Any) -> httpx.Response:
        wanted = {"external_file_id": mark, **body.pop("filter", {})}
        return await api.post("/api/v1/beta/files/query", json={"filter": wanted, **body})

    by_name = (await ask(order_by="name", page_size=2)).json()
    assert [item["name"] for item in by_name["items"]] == ["a", "b"]
    rest = await ask(order_by="name", page_size=2, page_token=by_name["next_page_token"])
    assert [item["name"] for item in rest.json()["items"]] == ["c"]
    assert (await ask(order_by="nonsense")).status_code == 422
    assert (await ask(filter={"data_source_id": "x"})).status_code == 422
    assert (await ask(filter={"project_id": str(uuid.uuid4())})).status_code == 404
    assert (await ask(filter={"file_ids": ["x"] * 1_001})).status_code == 422


async def test_project_ids_are_uuids_and_the_prefixed_form_is_accepted(
    api: httpx.AsyncClient,
) -> None:
    project = (await api.get("/api/v1/projects")).json()[0]["id"]
    assert str(uuid.UUID(project)) == project
    for form in (project, f"prj-{project}", project.upper()):
        assert (await api.get("/api/v2/parse", params={"project_id": form})).status_code == 200
        for version in ("v1", "v2"):
            shown = await api.get(f"/api/{version}/projects/{form}")
            assert (shown.status_code, shown.json().get("id")) == (200, project)


async def test_parse_versions_include_those_that_official_clients_pin(
    api: httpx.AsyncClient,
) -> None:
    versions = (await api.get("/api/v2/parse/versions")).json()
    assert "2026-06-15" in versions["fast"]
    assert versions["latest"]["fast"] in versions["fast"]
