"""The manifest: equal rows in both forms, written atomically, in constant memory."""

import hashlib
import json
import subprocess
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from docmill.contracts.warnings import WarningCode, warning
from docmill.errors import UnavailableError, UsageError
from docmill.outputs.manifest import MANIFEST_ROW, ManifestRow, manifest_schema, write_manifest
from docmill.outputs.verify import read_rows, table_rows
from tests.fixtures.ordinary_user import ordinary_user
from tests.outputs.rows import many, row

FIELDS = (
    *("path", "size", "sha256", "outcome", "partial", "failure_class", "failure_message"),
    *("skip_reason", "pages_total", "pages_ok", "pages_failed", "engine", "engine_version"),
    *("attempts", "started_at", "finished_at", "output_path", "output_sha256"),
    "warnings",
)


async def each(rows: list[ManifestRow]) -> AsyncIterator[ManifestRow]:
    for one in rows:
        yield one


async def test_manifest_fields_are_the_documented_ones_in_order(tmp_path: Path) -> None:
    await write_manifest(each([row()]), tmp_path)
    (line,) = (tmp_path / "manifest.jsonl").read_text().splitlines()
    assert tuple(json.loads(line)) == FIELDS
    assert tuple(manifest_schema().names) == FIELDS


async def test_parquet_and_json_lines_have_the_same_rows(tmp_path: Path) -> None:
    rows = [
        row(
            path='ü "quoted"\\\n\u2028\x01.pdf',
            started_at=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
        ),
        row(status="failed", failure_class="encrypted", output_path=None, pages_ok=None),
        row(size=2**40, partial=True, sha256=None),
        row(warnings=[warning(WarningCode.NO_TEXT, 'None "at all".')]),
        row(warnings=[warning(WarningCode.OCR_ADDED, f"Page {n}.", n) for n in (1, 2**31 - 1)]),
        *many(3000),
    ]
    summary = await write_manifest(each(rows), tmp_path)
    assert list(read_rows(tmp_path / "manifest.jsonl")) == rows
    table = table_rows(tmp_path / "manifest.parquet")
    assert [MANIFEST_ROW.validate_python(one) for one in table] == rows
    assert summary.rows == 3005
    assert summary.counts == {"completed": 3004, "failed": 1}


async def test_empty_batch_has_an_empty_manifest(tmp_path: Path) -> None:
    summary = await write_manifest(each([]), tmp_path)
    assert summary.rows == 0
    assert (tmp_path / "manifest.jsonl").read_bytes() == b""
    assert list(table_rows(tmp_path / "manifest.parquet")) == []


@pytest.mark.integration
async def test_manifest_hashes_can_be_checked_without_docmill(tmp_path: Path) -> None:
    summary = await write_manifest(each(many(10)), tmp_path)
    data = (tmp_path / "manifest.jsonl").read_bytes()
    assert summary.sha256 == hashlib.sha256(data).hexdigest()
    subprocess.run(["sha256sum", "-c", "manifest.sha256"], cwd=tmp_path, check=True)


async def test_interrupted_manifest_leaves_the_old_one_and_no_temporary_file(
    tmp_path: Path,
) -> None:
    await write_manifest(each(many(3)), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    async def broken() -> AsyncIterator[ManifestRow]:
        yield row()
        raise UnavailableError("The database is away.")

    with pytest.raises(UnavailableError):
        await write_manifest(broken(), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


async def test_unwritable_folder_is_rejected_with_a_message() -> None:
    with ordinary_user() as folder:
        folder.chmod(0o500)
        with pytest.raises(UsageError, match="Permission denied") as refused:
            await write_manifest(each([row()]), folder)
    assert refused.value.hint


@pytest.mark.integration  # large: the unit tier takes under a minute
async def test_manifest_is_written_in_constant_memory(tmp_path: Path) -> None:
    async def lazily(count: int) -> AsyncIterator[ManifestRow]:
        for number in range(count):
            yield row(path=f"{number}.pdf")

    peaks = []
    for count in (3_000, 30_000):
        tracemalloc.start()
        await write_manifest(lazily(count), tmp_path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5
