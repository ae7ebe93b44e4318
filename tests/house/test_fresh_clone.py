"""From a clone to the first result with one command, on a machine that has only Python."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.code import ROOT

pytestmark = pytest.mark.acceptance

UV_CACHE = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache/uv")
"""Shared with this machine, so that nothing is downloaded twice; the environment is fresh."""


def shipped_files() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a clone of the present state would hold."""
    folder = tmp_path / "clone"
    for name in shipped_files():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def make(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k.endswith(("_CERT", "_CERT_FILE", "_CERT_DIR"))}
    environment = {
        **kept,
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(clone.parent / "home"),
        "UV_CACHE_DIR": UV_CACHE,
    }
    return subprocess.run(
        ["make", *arguments],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(300)
def test_make_demo_sets_up_everything_and_shows_a_result(clone: Path) -> None:
    python = f"PYTHON={Path(sys.executable).resolve()}"

    ended = make(clone, "demo", python)

    report = clone / "docmill-out/documents/report.html"
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert str(report) in ended.stdout
    assert report.is_file()
    assert "| TG-220 |" in (report.parent / "invoice-2026-014.pdf.md").read_text()
    assert not (clone / ".venv/bin/pytest").exists(), "the demo needs no development tools"


def test_make_names_the_install_command_when_venv_is_missing(clone: Path, tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.write_text(
        f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)

    ended = make(clone, "setup", f"PYTHON={python}")

    assert ended.returncode != 0
    assert "apt-get install python3-venv" in ended.stderr
    assert not (clone / ".venv").exists()
