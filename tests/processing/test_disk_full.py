"""A full disk fails no file: the batch waits and continues when space is free."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from docmill.settings import APPLICATION
from tests.fixtures.mill import Mill, until, write_texts

SMALL_DISK = 'mount -t tmpfs -o size=256k tmpfs "$1" && exec "$2" worker.py'
"""The worker has a file system of its own at ``$1``, which nobody else sees mounted."""


def _can_mount() -> bool:
    asked = ["unshare", "-rm", "true"]
    return shutil.which("unshare") is not None and not subprocess.run(asked, check=False).returncode


@asynccontextmanager
async def worker_with_a_small_disk(mill: Mill, disk: Path) -> AsyncIterator[Path]:
    """Run worker.py with its objects on ``disk``; yield the way in from outside."""
    if not _can_mount():
        pytest.skip("no user namespaces here: a small disk cannot be made")
    process = await asyncio.create_subprocess_exec(
        *("unshare", "-rm", "sh", "-c", SMALL_DISK, "sh", str(disk), sys.executable),
        cwd=APPLICATION,
        env=os.environ
        | {
            "DOCMILL_HOME": str(mill.settings.home),
            "DOCMILL_DATABASE_URL": mill.settings.database,
            "DOCMILL_STORE_URL": disk.as_uri(),
            "DOCMILL_ENGINE_SLOTS": "2",
            "TEMPORAL_ADDRESS": mill.temporal.service_client.config.target_host,
        },
    )
    inside = Path(f"/proc/{process.pid}/root{disk}")

    async def mounted() -> bool:
        return inside.is_dir() and inside.stat().st_dev != disk.stat().st_dev

    try:
        await until(mounted)
        yield inside
    finally:
        process.terminate()
        await process.wait()


def fill(disk: Path) -> Path:
    """Leave no room on ``disk``."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


async def test_batch_waits_while_the_disk_is_full_and_continues_when_space_is_free(
    small_mill: Mill, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    folder = write_texts(tmp_path / "in", 3)
    async with worker_with_a_small_disk(small_mill, disk) as inside:
        filler = fill(inside)
        batch = await small_mill.start(folder)

        async def tried_twice() -> bool:
            return all(item.attempts >= 2 for item in await small_mill.items(batch))

        await until(tried_twice)
        assert set((await small_mill.outcomes(batch)).values()) <= {"pending", "processing"}
        assert not list(inside.rglob("*.result.json"))
        filler.unlink()
        result = await small_mill.client.result(batch.id)
        found = list(inside.rglob("*.result.json"))
        texts = list(inside.rglob("*.document.md"))
    assert result.tally.completed == 3
    assert (len(found), len(texts)) == (3, 3), "no result lies there twice, or half"
