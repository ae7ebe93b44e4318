"""In CI, a skipped test is a failure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.code import ROOT

SKIPPING = """
import pytest

@pytest.fixture
def server():
    pytest.skip("no server: apt-get install server")

def test_by_fixture(server): ...

@pytest.mark.skip(reason="by mark")
def test_by_mark(): ...

@pytest.mark.xfail(reason="known")
def test_expected_failure(): assert False
"""


def run_pytest(folder: Path, *, no_skips: bool) -> subprocess.CompletedProcess[str]:
    folder.joinpath("test_skipping.py").write_text(SKIPPING)
    folder.joinpath("test_module.py").write_text("import pytest\npytest.importorskip('nowhere')")
    plugins = ["-p", "tests.fixtures.no_skips", "-p", "no:cacheprovider", "-p", "no:cloudcoil"]
    options = [*plugins, "--continue-on-collection-errors", f"--rootdir={folder}", str(folder)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        env={**os.environ, "PYTHONPATH": str(ROOT), "DOCMILL_NO_SKIPS": "1" if no_skips else ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.integration
def test_skip_fails_in_ci_and_keeps_its_reason(tmp_path: Path) -> None:
    ended = run_pytest(tmp_path, no_skips=True)

    assert ended.returncode != 0
    assert "skipped" not in ended.stdout.splitlines()[-1]
    for reason in ("apt-get install server", "by mark", "nowhere"):
        assert reason in ended.stdout


@pytest.mark.integration
def test_skip_stays_a_skip_outside_ci(tmp_path: Path) -> None:
    ended = run_pytest(tmp_path, no_skips=False)

    assert ended.returncode == 0, ended.stdout
    assert "3 skipped, 1 xfailed" in ended.stdout
