"""Directories over buckets."""

from pathlib import Path

import httpx
import pytest

from docmill.objects.open import open_bucket
from docmill.objects.places import BucketUrl
from tests.api.steps import DIRECTORIES, all_items, ok
from tests.fixtures.api import ApiServer

pytestmark = pytest.mark.integration

SOURCES = "/api/docmill/v1/directories"


async def test_directory_over_a_bucket_reflects_its_changes(s3_url: str, tmp_path: Path) -> None:
    bucket = open_bucket(BucketUrl.parse(s3_url))
    bucket.put_bytes("a.txt", b"a", "text/plain")
    asked = {"name": "over a bucket", "source": {"bucket": s3_url, "exclude": ["b.*"]}}
    with ApiServer(tmp_path / "home", DOCMILL_SOURCE_BUCKETS=s3_url) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as api:
            made = await ok(await api.post(SOURCES, json=asked), 201)
            again = await ok(await api.post(SOURCES, json=asked), 201)
            bucket.delete("a.txt")
            bucket.put_bytes("c.txt", b"c", "text/plain")
            summary = await ok(await api.post(f"{SOURCES}/{made['id']}/sync"))
            listed = await all_items(api, f"{DIRECTORIES}/{made['id']}/files")
            parent = {"name": "x", "source": {"bucket": s3_url.rpartition("/")[0]}}
            refused = await api.post(SOURCES, json=parent)

    assert again["id"] == made["id"]
    assert (summary["total"], summary["new"], summary["vanished"]) == (1, 1, ["a.txt"])
    assert [row["unique_id"] for row in listed] == ["c.txt"]
    assert refused.status_code == 422
    assert "DOCMILL_SOURCE_BUCKETS" in refused.text


@pytest.mark.parametrize(
    "bucket", ["s3://bucket/x", "s3://key:secret@bucket/x", "file:///etc", "/etc", "bucket"]
)
async def test_bucket_outside_the_allowed_urls_is_rejected(
    api: httpx.AsyncClient, bucket: str
) -> None:
    answer = await api.post(SOURCES, json={"name": "x", "source": {"bucket": bucket}})
    assert answer.status_code == 422
    assert "secret@" not in answer.text
