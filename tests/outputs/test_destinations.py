"""Results in a bucket, and the manifests of all runs of a destination."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import update

from docmill.errors import UsageError
from docmill.objects.buckets import Bucket
from docmill.objects.open import open_bucket
from docmill.objects.places import BucketUrl
from docmill.outputs.destinations import BucketDestination, Destination, FolderDestination
from docmill.outputs.export import Exporter
from docmill.outputs.manifest import ManifestSummary
from docmill.outputs.names import RUN_INDEX
from docmill.outputs.verify import Problem, table_rows, verify
from docmill.records.tables.batches import Batch
from tests.outputs.shelf import Shelf

pytestmark = pytest.mark.integration


class Counting(BucketDestination):
    """A bucket that notes what is put into it."""

    def __init__(self, url: BucketUrl, scratch: Path) -> None:
        super().__init__(url, scratch)
        self.names: list[str] = []

    def put(self, staged: Path, name: str, sha256: str) -> None:
        self.names.append(name)
        super().put(staged, name, sha256)


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    shelf = Shelf(tmp_path)
    shelf.illustrated = frozenset({"sub/ü b.pdf"})
    await shelf.open(3)
    await shelf.put(1, "a.pdf")
    await shelf.put(2, "sub/ü b.pdf")
    await shelf.put(3, "c.pdf", "failed", failure_class="corrupt", failure_message="broken")
    await shelf.write()
    await shelf.end()
    yield shelf
    await shelf.database.close()


@pytest.fixture
def bucket(s3_url: str) -> Bucket:
    return open_bucket(BucketUrl.parse(s3_url))


@pytest.fixture
def destination(bucket: Bucket, tmp_path: Path) -> Counting:
    return Counting(bucket.url, tmp_path / "scratch")


async def export(shelf: Shelf, out: Destination, **facts: int) -> ManifestSummary:
    with Exporter(shelf.database, shelf.store, shelf.batch, out) as exporter:
        await exporter.export_ready()
        return await exporter.finish(**facts)  # type: ignore[arg-type]


def listed(bucket: Bucket) -> set[str]:
    return {found.path for page in bucket.pages() for found in page}


RESULTS = {"a.pdf.json", "a.pdf.md", "sub/ü b.pdf.json", "sub/ü b.pdf.md"} | {
    "sub/ü b.pdf.files/img_p1_1.png"
}


async def test_bucket_receives_the_files_of_a_folder(
    shelf: Shelf, bucket: Bucket, destination: Counting
) -> None:
    await export(shelf, FolderDestination(shelf.out))
    await export(shelf, destination)

    local = {
        path.relative_to(shelf.out).as_posix() for path in shelf.out.rglob("*") if path.is_file()
    }
    assert listed(bucket) == local
    assert local > RESULTS
    for name in RESULTS | {"manifest.jsonl", "manifest.parquet"}:
        assert bucket.read(name) == (shelf.out / name).read_bytes(), name
    assert destination.names.index("a.pdf.md") < destination.names.index("a.pdf.json")
    assert not list((shelf.out.parent / "scratch").iterdir())


async def test_repeated_export_puts_only_what_is_missing(
    shelf: Shelf, bucket: Bucket, destination: Counting
) -> None:
    await export(shelf, destination)
    destination.names.clear()
    await export(shelf, destination)
    assert not RESULTS & set(destination.names)

    bucket.delete("a.pdf.json")
    bucket.put_bytes("sub/ü b.pdf.json", b"{}", "application/json")
    await export(shelf, destination)
    assert set(destination.names) >= RESULTS


def test_large_file_carries_its_hash(destination: Counting, bucket: Bucket, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(b"0123456789abcdef" * 700_000)
    destination.put(large, "large.bin", "its hash")
    assert bucket.sha256_of("large.bin") == "its hash"
    assert bucket.read("large.bin") == large.read_bytes()


async def test_missing_bucket_is_named(shelf: Shelf, s3_url: str, tmp_path: Path) -> None:
    out = BucketDestination(BucketUrl.parse("s3://no-such-bucket/x"), tmp_path / "scratch")
    with pytest.raises(UsageError, match="no bucket no-such-bucket"):
        await export(shelf, out)


# -- verification -------------------------------------------------------------------------


async def test_results_in_a_bucket_verify_until_a_byte_changes(
    shelf: Shelf, bucket: Bucket, destination: Counting
) -> None:
    await export(shelf, destination)
    assert await asyncio.to_thread(verify, bucket.url) == []

    image = "sub/ü b.pdf.files/img_p1_1.png"
    other = bytearray(bucket.read(image) or b"")
    other[-3] ^= 1
    before = bucket.sha256_of(image)
    changed = shelf.out.parent / "image.png"
    changed.write_bytes(other)
    bucket.put_file(image, changed, str(before), "image/png")
    bucket.delete("a.pdf.md")
    assert await asyncio.to_thread(verify, bucket.url) == [
        Problem("a.pdf.md", "is missing"),
        Problem(image, "has changed"),
    ]

    for name in ("a.pdf.json", "manifest.sha256"):
        bucket.delete(name)
    assert await asyncio.to_thread(verify, bucket.url) == [
        Problem("a.pdf.json", "is missing"),
        Problem("a.pdf.md", "is missing"),
        Problem(image, "has changed"),
        Problem("manifest.sha256", "is missing"),
    ]


async def test_manifest_in_a_bucket_is_compared_in_both_formats(
    shelf: Shelf, bucket: Bucket, destination: Counting
) -> None:
    await export(shelf, destination)
    lines = bucket.read("manifest.jsonl") or b""
    odd = lines.replace(b"sub/\xc3\xbc b.pdf.json", b"sub//b.pdf.json")
    bucket.put_bytes("manifest.jsonl", odd, "application/jsonl")
    assert await asyncio.to_thread(verify, bucket.url) == [
        Problem("sub//b.pdf.json", "is not an output of this folder"),
        Problem("manifest.jsonl", "has changed"),
    ]

    bucket.put_bytes("manifest.jsonl", b"{}\n", "application/jsonl")
    with pytest.raises(UsageError, match=r"^s3://.*/manifest\.jsonl is damaged in line 1"):
        await asyncio.to_thread(verify, bucket.url)
    bucket.delete("manifest.jsonl")
    with pytest.raises(UsageError, match=r"^s3://.*/manifest\.jsonl cannot be read"):
        await asyncio.to_thread(verify, bucket.url)


# -- manifests of all runs ----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["folder", "bucket"])
async def test_each_run_has_a_manifest_and_a_line_in_the_index(
    shelf: Shelf, request: pytest.FixtureRequest, kind: str
) -> None:
    out: Destination = FolderDestination(shelf.out)
    if kind == "bucket":
        out = request.getfixturevalue("destination")
    await export(shelf, out, vanished_count=2)
    out.change(RUN_INDEX, lambda lines: (lines or b"") + b"damaged\n")
    async with shelf.database.write() as session:
        await session.execute(update(Batch).values(epoch=2))
    await export(shelf, out)

    lines = (out.read(RUN_INDEX) or b"").splitlines()
    (run,) = map(json.loads, lines)
    assert (run["batch_id"], run["epoch"], run["rows"]) == (shelf.batch.id, 2, 3)
    assert run["counts"] == {"completed": 2, "failed": 1}
    assert run["manifest"] == f"manifests/batch_id={shelf.batch.id}/manifest.parquet"
    table = shelf.out.parent / "table.parquet"
    table.write_bytes(out.read(run["manifest"]) or b"")
    assert [row["path"] for row in table_rows(table)] == ["a.pdf", "sub/ü b.pdf", "c.pdf"]


@pytest.mark.parametrize("kind", ["folder", "bucket"])
async def test_changes_of_several_processes_are_all_kept(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    out: Destination = FolderDestination(tmp_path / "out")
    if kind == "bucket":
        out = request.getfixturevalue("destination")
    lines = [f"{number}\n".encode() for number in range(8)]

    def add(line: bytes) -> None:
        out.change("lines", lambda known: (known or b"") + line)

    await asyncio.gather(*(asyncio.to_thread(add, line) for line in lines))

    assert sorted((out.read("lines") or b"").splitlines(keepends=True)) == lines
