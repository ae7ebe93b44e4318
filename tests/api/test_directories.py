"""Directories and their files."""

from pathlib import Path

import httpx
import pytest

from tests.api.steps import DIRECTORIES, all_items, make_directory, ok, upload
from tests.fixtures.api import ApiServer


async def test_directory_can_be_created_changed_and_deleted(api: httpx.AsyncClient) -> None:
    made = await make_directory(api, description="d", system_metadata={"a": [1, None]})
    path = f"{DIRECTORIES}/{made['id']}"
    assert await ok(await api.get(path)) == made
    assert made["type"] == "user"
    assert made["expires_at"] is None
    changed = await ok(await api.patch(path, json={"name": "other"}))
    assert (changed["name"], changed["description"]) == ("other", "d")
    await ok(await api.delete(path), 204)
    await ok(await api.get(path), 404)
    deleted = await all_items(api, DIRECTORIES, name="other", include_deleted=True)
    assert [row["id"] for row in deleted if row["deleted_at"]] == [made["id"]]


async def test_ephemeral_directory_expires(api: httpx.AsyncClient) -> None:
    assert (await make_directory(api, type="ephemeral"))["expires_at"] is not None


async def test_filters_are_applied_on_every_page(api: httpx.AsyncClient) -> None:
    made = [(await make_directory(api, name="filtered"))["id"] for _ in range(5)]
    await make_directory(api, name="not this one")
    found = await all_items(api, DIRECTORIES, name="filtered", page_size=2)
    assert [row["id"] for row in found] == made[::-1]
    assert await all_items(api, DIRECTORIES, name="filtered", types="ephemeral") == []


async def test_page_token_of_other_filters_is_rejected(api: httpx.AsyncClient) -> None:
    for _ in range(2):
        await make_directory(api, name="bound")
    page = await ok(await api.get(DIRECTORIES, params={"name": "bound", "page_size": 1}))
    other = {"name": "other", "page_token": page["next_page_token"]}
    assert (await api.get(DIRECTORIES, params=other)).status_code == 422


async def test_same_bytes_uploaded_again_are_the_same_entry(api: httpx.AsyncClient) -> None:
    directory = await make_directory(api)
    first = await upload(api, directory["id"], "a.txt", b"one")
    again = await upload(api, directory["id"], "a.txt", b"one")
    assert again == first
    changed = await upload(api, directory["id"], "a.txt", b"two")
    assert changed["id"] == first["id"]
    assert changed["file_id"] != first["file_id"]
    listed = await all_items(api, f"{DIRECTORIES}/{directory['id']}/files")
    assert [row["id"] for row in listed] == [first["id"]]


async def test_upload_takes_its_names_and_metadata_from_the_form(
    api: httpx.AsyncClient,
) -> None:
    directory = await make_directory(api)
    row = await upload(
        api,
        directory["id"],
        "größe.txt",
        b"x",
        external_file_id="mine-7",
        display_name="Shown",
        metadata='{"a": 1, "tags": ["x"], "none": null}',
    )
    assert (row["unique_id"], row["display_name"]) == ("mine-7", "Shown")
    assert row["metadata"] == {"a": 1, "tags": ["x"], "none": None}
    plain = await upload(api, directory["id"], "größe.txt", b"y")
    assert (plain["unique_id"], plain["metadata"]) == ("größe.txt", {})


@pytest.mark.parametrize(
    "metadata", ["[]", "{", '{"a": {"b": 1}}', '{"a": NaN}', '{"a": "\\u0000"}']
)
async def test_invalid_metadata_is_named_in_the_error(
    api: httpx.AsyncClient, metadata: str
) -> None:
    directory = await make_directory(api)
    answer = await api.post(
        f"{DIRECTORIES}/{directory['id']}/files/upload",
        files={"upload_file": ("a.txt", b"x")},
        data={"metadata": metadata},
    )
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "metadata"]


async def test_upload_without_a_file_returns_422(api: httpx.AsyncClient) -> None:
    directory = await make_directory(api)
    path = f"{DIRECTORIES}/{directory['id']}/files/upload"
    missing = await api.post(path, files={"other": (None, b"x")})
    assert missing.status_code == 422
    assert missing.json()["detail"][0]["loc"] == ["body", "upload_file"]
    assert (await api.post(path, json={})).status_code == 422
    cut = await api.post(
        path,
        content=b"--b\r\nContent-Disposition: form-data; name=upload_file; filename=a\r\n\r\nx",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert cut.status_code == 422


async def test_uploaded_file_can_be_attached_moved_and_removed(
    api: httpx.AsyncClient,
) -> None:
    source, target = await make_directory(api), await make_directory(api)
    file = await ok(
        await api.post(
            "/api/v1/beta/files", files={"file": ("a.pdf", b"%PDF")}, data={"purpose": "parse"}
        ),
        201,
    )
    files = f"{DIRECTORIES}/{source['id']}/files"
    row = await ok(await api.post(files, json={"file_id": file["id"], "metadata": {"k": 1}}), 201)
    assert (row["display_name"], row["file_id"]) == ("a.pdf", file["id"])
    moved = await ok(
        await api.patch(f"{files}/{row['id']}", json={"target_directory_id": target["id"]})
    )
    assert (moved["id"], moved["directory_id"]) == (row["id"], target["id"])
    assert await all_items(api, files) == []
    other = f"{DIRECTORIES}/{target['id']}/files"
    await ok(await api.post(f"{other}/bulk-delete", json={"directory_file_ids": [row["id"]]}), 204)
    await ok(await api.get(f"{other}/{row['id']}"), 404)


async def test_files_are_found_by_part_of_their_name(api: httpx.AsyncClient) -> None:
    directory = await make_directory(api)
    for name in ("march 100%.txt", "march 100.txt", "april.txt"):
        await upload(api, directory["id"], name, name.encode())
    files = f"{DIRECTORIES}/{directory['id']}/files"
    found = await all_items(api, files, display_name_contains="100%")
    assert [row["display_name"] for row in found] == ["march 100%.txt"]
    assert len(await all_items(api, files, page_size=1)) == 3


async def test_directory_over_a_folder_reflects_its_changes(
    api: httpx.AsyncClient, api_server: ApiServer
) -> None:
    folder = Path(api_server.environment["DOCMILL_SOURCE_ROOTS"]) / "papers"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    (folder / "b.txt").write_text("b")
    asked = {"name": "over a folder", "source": {"folder": str(folder), "exclude": ["b.*"]}}
    made = await ok(await api.post("/api/docmill/v1/directories", json=asked), 201)
    again = await ok(await api.post("/api/docmill/v1/directories", json=asked), 201)
    assert again["id"] == made["id"]
    files = f"{DIRECTORIES}/{made['id']}/files"
    assert [row["unique_id"] for row in await all_items(api, files)] == ["a.txt"]
    (folder / "a.txt").unlink()
    (folder / "c.txt").write_text("c")
    summary = await ok(await api.post(f"/api/docmill/v1/directories/{made['id']}/sync"))
    assert (summary["total"], summary["new"], summary["vanished"]) == (1, 1, ["a.txt"])
    answer = await api.post(f"{files}/upload", files={"upload_file": ("d.txt", b"d")})
    assert answer.status_code == 409
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("way", ["{root}/../..", "/etc", "{root}/link", "{root}/missing", "."])
async def test_folder_outside_the_allowed_roots_is_rejected(
    api: httpx.AsyncClient, api_server: ApiServer, way: str
) -> None:
    root = Path(api_server.environment["DOCMILL_SOURCE_ROOTS"])
    if not (root / "link").is_symlink():
        (root / "link").symlink_to("/etc")
    answer = await api.post(
        "/api/docmill/v1/directories",
        json={"name": "x", "source": {"folder": way.format(root=root)}},
    )
    assert answer.status_code == 422
    assert str(root) not in answer.text
