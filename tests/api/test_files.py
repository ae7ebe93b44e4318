"""Files, and download links that need no header."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.api.steps import all_items, ok
from tests.fixtures.api import ApiServer

BASE = "/api/v1/beta/files"


async def _upload(api: httpx.AsyncClient, name: str, data: bytes, **fields: str) -> dict[str, str]:
    found: dict[str, str] = await ok(
        await api.post(BASE, files={"file": (name, data)}, data={"purpose": "parse", **fields}), 201
    )
    return found


async def test_file_can_be_uploaded_listed_and_deleted(api: httpx.AsyncClient) -> None:
    made = await _upload(api, "A Report.PDF", b"%PDF-1.4", external_file_id="ext-1")
    assert (made["file_type"], made["purpose"]) == ("pdf", "parse")
    assert await ok(await api.get(f"{BASE}/{made['id']}")) == made
    found = await all_items(api, BASE, external_file_id="ext-1")
    assert [row["id"] for row in found] == [made["id"]]
    queried = await ok(await api.post(f"{BASE}/query", json={"filter": {"file_ids": [made["id"]]}}))
    assert [row["id"] for row in queried["items"]] == [made["id"]]
    await ok(await api.delete(f"{BASE}/{made['id']}"), 204)
    await ok(await api.get(f"{BASE}/{made['id']}"), 404)


async def test_files_are_listed_in_the_requested_order(api: httpx.AsyncClient) -> None:
    for name in ("b.txt", "a.txt", "a.txt"):
        await _upload(api, name, name.encode(), external_file_id=f"ordered {name}")
    by_name = await all_items(api, BASE, order_by="name", page_size=1)
    names = [row["name"] for row in by_name]
    assert names == sorted(names)
    by_id = [row["id"] for row in await all_items(api, BASE, order_by="id", page_size=2)]
    assert by_id == sorted(by_id)
    assert (await api.get(BASE, params={"order_by": "size"})).status_code == 422


async def test_unknown_filter_is_rejected(api: httpx.AsyncClient) -> None:
    answer = await api.post(f"{BASE}/query", json={"filter": {"name": "a"}})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "filter", "name"]


async def test_content_is_downloaded_without_a_header(api: httpx.AsyncClient) -> None:
    data = bytes(range(256)) * 5000
    made = await _upload(api, 'ünïcode " name.bin', data)
    link = await ok(await api.get(f"{BASE}/{made['id']}/content"))
    async with httpx.AsyncClient() as anyone:
        answer = await anyone.get(link["url"])
        assert answer.content == data
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["content-security-policy"]
        forged = link["url"].replace("signature=", "signature=0")
        assert (await anyone.get(forged)).status_code == 404
        later = link["url"].replace("expires=", "expires=9")
        assert (await anyone.get(later)).status_code == 404


async def test_expired_link_returns_404(api: httpx.AsyncClient) -> None:
    made = await _upload(api, "a.txt", b"x")
    lifetime = {"expires_at_seconds": 1}
    link = await ok(await api.get(f"{BASE}/{made['id']}/content", params=lifetime))
    while (answer := await api.get(link["url"])).status_code == 200:
        await asyncio.sleep(0.1)
    assert answer.status_code == 404


async def test_records_file_is_readable_by_its_owner_only(api_server: ApiServer) -> None:
    assert (api_server.home / "records.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("purpose", ["", "nonsense"])
async def test_invalid_purpose_is_named_in_the_error(api: httpx.AsyncClient, purpose: str) -> None:
    answer = await api.post(BASE, files={"file": ("a", b"x")}, data={"purpose": purpose})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "purpose"]


async def test_retried_upload_makes_one_file(api: httpx.AsyncClient) -> None:
    made = await _upload(api, "retried.txt", b"retried")
    answer = await api.post(
        BASE,
        files={"file": ("retried.txt", b"retried")},
        data={"purpose": "parse"},
        headers={"x-stainless-retry-count": "1"},
    )
    assert (await ok(answer, 201))["id"] == made["id"]


@pytest.mark.integration
async def test_file_or_form_above_the_limit_returns_413_and_stores_nothing(tmp_path: Path) -> None:
    with ApiServer(tmp_path / "home", DOCMILL_MAX_UPLOAD_MB="1") as server:
        async with httpx.AsyncClient(base_url=server.url) as client:
            answer = await client.post(
                BASE, files={"file": ("a", b"x" * (2 << 20))}, data={"purpose": "parse"}
            )
            assert answer.status_code == 413
            small = b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n'
            answer = await client.post(
                BASE,
                content=small + b"x" * (10 << 20),
                headers={"Content-Type": "multipart/form-data; boundary=b"},
            )
            assert answer.status_code == 413
            assert "besides its file" in answer.json()["detail"]
        staged = tmp_path / "home" / "scratch"
        assert [path for path in staged.rglob("*") if path.is_file()] == []
    assert list(staged.iterdir()) == []


PIECE = b"0123456789abcdef" * 65536
PIECES = 2048 if os.environ.get("DOCMILL_TEST_ALL") == "1" else 160
"""MiB of a large file."""


async def _form() -> AsyncIterator[bytes]:
    yield b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nparse\r\n'
    yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n\r\n'
    for _ in range(PIECES):
        yield PIECE
    yield b"\r\n--b--\r\n"


def _peak_memory(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


async def test_large_upload_uses_constant_memory(api_server: ApiServer) -> None:
    async with httpx.AsyncClient(base_url=api_server.url, timeout=60) as client:
        await _upload(client, "warm.txt", b"up")
        before = _peak_memory(api_server.process.pid)
        made = await ok(
            await client.post(
                BASE,
                content=_form(),
                headers={"Content-Type": "multipart/form-data; boundary=b"},
            ),
            201,
        )
        link = await ok(await client.get(f"{BASE}/{made['id']}/content"))
        digest = hashlib.sha256()
        async with client.stream("GET", link["url"]) as download:
            async for piece in download.aiter_bytes():
                digest.update(piece)
    grown = _peak_memory(api_server.process.pid) - before
    sent = hashlib.sha256()
    for _ in range(PIECES):
        sent.update(PIECE)
    assert digest.hexdigest() == sent.hexdigest()
    assert grown < 64 * 1024, f"{PIECES} MiB grew the process by {grown} KiB"
