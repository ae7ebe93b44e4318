"""File systems mounted below a folder belong to it; one that hides a listed file changes it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docmill.engines.base import file_state, open_regular
from docmill.errors import ItemFailure
from docmill.sources.documents import read_whole
from docmill.sources.folder import FolderSource
from docmill.sources.walk import signature_of

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        shutil.which("bwrap") is None, reason="no bwrap: apt-get install bubblewrap"
    ),
]


def listed_in(folder: Path) -> list[str]:
    return [entry.unique_id for chunk in FolderSource.resolve(folder).scan() for entry in chunk]


def _look(folder: str, signature: str, state: str) -> None:
    """Print what is listed and read below the mounts; run in a mount namespace."""
    path = Path(folder) / "a.txt"
    failures = []
    for opening in (
        lambda: read_whole(path, signature, root=folder.encode()),
        lambda: open_regular(str(path), state),
    ):
        try:
            opening()
        except ItemFailure as failure:
            failures.append(failure.failure_class)
    drive = read_whole(Path(folder) / "drive" / "scan.txt", root=folder.encode())
    print(json.dumps([listed_in(Path(folder)), failures, (drive.content or b"").decode()]))


def test_mounted_folder_is_listed_and_a_file_mounted_over_a_listed_one_is_a_change(
    tmp_path: Path,
) -> None:
    folder, outside = tmp_path / "in", tmp_path / "outside"
    (folder / "drive").mkdir(parents=True)
    outside.mkdir()
    (folder / "a.txt").write_text("listed")
    (outside / "scan.txt").write_text("on the drive")
    (outside / "other.txt").write_text("canary")
    status = (folder / "a.txt").stat()
    assert listed_in(folder) == ["a.txt"]
    mounts = ["--dev-bind", "/", "/", "--bind", str(outside), str(folder / "drive")]
    mounts += ["--bind", str(outside / "other.txt"), str(folder / "a.txt")]
    look = [sys.executable, "-m", __name__, str(folder), signature_of(status), file_state(status)]

    done = subprocess.run(
        ["bwrap", *mounts, *look], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    listed, failures, read = json.loads(done.stdout)
    assert listed == ["a.txt", "drive/other.txt", "drive/scan.txt"]
    assert read == "on the drive"
    assert failures == ["source_changed", "source_changed"]
    assert listed_in(folder) == ["a.txt"], "mounts of another namespace are not seen"


if __name__ == "__main__":
    _look(*sys.argv[1:])
