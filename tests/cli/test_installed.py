"""The installed command: a wheel in a separate environment, without a checkout."""

import os
import shutil
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from docmill.embedded.addresses import free_port
from tests.cli.conftest import finish, many
from tests.cli.starting import Cli, wait_for
from tests.cli.test_interruption import completed, kill_everything, started
from tests.fixtures.environments import run
from tests.house.code import ROOT

pytestmark = pytest.mark.timeout(300)  # an environment is made, and several whole runs follow

CLASHING = "llama-index-workflows"
"""Installs a top-level module `workflows`, as ours is called in the checkout."""

SUBTITLES = ROOT / "examples" / "third_party_engine"
CUES = "1\n00:00:01,000 --> 00:00:02,000\nHigh water at noon.\n"
BUILD = "import sys; from {0} import build_wheel; build_wheel(sys.argv[1])"


def _build(source: Path, backend: str, wheels: Path) -> Path:
    """Build a wheel as an installer would, with the build backend of the tests' environment."""
    before = set(wheels.glob("*.whl"))
    made = run([sys.executable, "-c", BUILD.format(backend), str(wheels)], cwd=source)
    assert made.returncode == 0, made.stdout + made.stderr
    (wheel,) = set(wheels.glob("*.whl")) - before
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build(ROOT, "hatchling.build", tmp_path_factory.mktemp("wheels"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, the package that clashes, and a third-party engine."""
    folder = tmp_path_factory.mktemp("installed") / "environment"
    engine = _build(SUBTITLES, "flit_core.buildapi", folder.parent)
    python = str(folder / "bin/python")
    uv = Path(sys.prefix) / ".uv/bin/uv"  # where the Makefile puts it
    if uv.exists():
        commands = [
            [str(uv), "venv", "--quiet", "--python", sys.executable, str(folder)],
            [str(uv), "pip", "install", "--quiet", "--python", python],
        ]
    else:
        commands = [
            [sys.executable, "-m", "venv", str(folder)],
            [python, "-m", "pip", "install", "--quiet"],
        ]
    for command in (commands[0], [*commands[1], str(wheel), str(engine), CLASHING]):
        made = run(command)
        if made.returncode:
            pytest.skip(f"no network: {' '.join(command)}: {made.stderr[-300:]}")
    assert list(folder.glob("lib/python*/site-packages/workflows")), "nothing clashes"
    return folder


@pytest.fixture
def installed_cli(cold_cli: Cli, environment: Path) -> Cli:
    return replace(cold_cli, program=(str(environment / "bin/docmill"),))


@pytest.mark.acceptance
def test_wheel_installs_one_top_level_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        scripts = archive.read(next(n for n in names if n.endswith("entry_points.txt"))).decode()

    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"docmill"}
    assert "docmill = docmill.cli.app:main" in scripts
    assert "docmill/_application/workflows/batch.py" in names


def test_installed_command_parses_a_folder_with_the_engines_of_its_environment(
    installed_cli: Cli,
) -> None:
    papers = installed_cli.cwd / "papers"
    shutil.copytree(ROOT / "examples/documents", papers)
    (papers / "tide.srt").write_text(CUES)

    done = installed_cli("run", papers)

    assert done.returncode == 1, done.stdout + done.stderr  # one example is broken on purpose
    out = installed_cli.cwd / "docmill-out/papers"
    assert "| TG-220 |" in (out / "invoice-2026-014.pdf.md").read_text()
    assert (out / "tide.srt.md").read_text() == "- **00:00:01** High water at noon."
    assert "Usage: docmill run" in installed_cli("run", "--help").stdout


def test_installed_command_resumes_after_kill_9_of_everything(installed_cli: Cli) -> None:
    folder = many(installed_cli.cwd / "papers", 80)
    first, batch_id = started(installed_cli, folder)
    kill_everything(installed_cli, first)
    done = completed(installed_cli.home)

    again = installed_cli("run", folder)

    assert again.returncode == 0, again.stdout + again.stderr
    assert f"Resuming the unfinished batch {batch_id}" in again.stdout
    after = completed(installed_cli.home)
    assert len(after) == 80
    assert {path: after[path] for path in done} == done


def test_installed_up_serves_the_api_and_stops(installed_cli: Cli) -> None:
    port = free_port()
    # An environment that forbids a script's own folder on the path must not bring the other
    # package's `workflows` into the worker.
    safe = replace(installed_cli, extra={"PYTHONSAFEPATH": "1"})
    up = safe.start("up", "--port", str(port))
    try:
        wait_for(up, "Ctrl-C stops everything")
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        assert safe("run", many(safe.cwd / "papers", 2)).returncode == 0
        up.send_signal(signal.SIGINT)
        assert finish(up).endswith("Unfinished batches go on with the next up or run.\n")
        assert up.returncode == 0
    finally:
        up.kill()
        up.communicate()


@pytest.mark.acceptance
def test_installed_worker_command_runs_the_worker_program(
    environment: Path, tmp_path: Path
) -> None:
    named = {**os.environ, "TEMPORAL_ADDRESS": "127.0.0.1:1", "DOCMILL_HOME": str(tmp_path)}
    ended = subprocess.run(
        [environment / "bin/docmill", "worker"],
        env=named,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert "worker.failed" in ended.stdout + ended.stderr
