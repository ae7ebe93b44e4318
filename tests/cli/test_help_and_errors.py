"""Commands that need no server: help, usage errors, exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from docmill.cli.app import COMMANDS
from tests.cli.starting import ROOT, Cli


def test_help_names_every_command(cold_cli: Cli) -> None:
    done = cold_cli("--help")

    assert done.returncode == 0
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)
    assert "..." not in done.stdout.partition("Commands:")[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(cold_cli: Cli, command: str) -> None:
    done = cold_cli(command, "--help")

    assert done.returncode == 0
    assert "Usage: starter.py" in done.stdout


@pytest.mark.acceptance
def test_help_loads_no_heavy_module() -> None:
    code = (
        "import sys, docmill.cli.app; heavy = {'temporalio', 'sqlalchemy', 'pydantic', 'rich', "
        "'liteparse'} & set(sys.modules); sys.exit(f'imported too early: {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_invalid_option_is_a_usage_error(cold_cli: Cli) -> None:
    done = cold_cli("run", ".", "--no-such-option")

    assert done.returncode == 2
    assert "Error: No such option: --no-such-option" in done.stderr
    assert "Hint:" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "nowhere"), "does not exist"),
        (("run", "papers", "--out", "papers"), "cannot be read and written"),
        (("run", "papers", "--tier", "slow"), "The parameter tier is wrong"),
        (("run", "papers", "--config", "wrong.yaml"), "The parameter tirr is wrong"),
        (("run", "papers", "--config", "list.yaml"), "holds no parameters"),
        (("run", "papers", "--config", "broken.yaml"), "neither YAML nor JSON"),
        (("run", "papers", "--config", "missing.yaml"), "cannot be read"),
        (("run", "papers", "--concurrency", "0"), "--concurrency"),
        (("status", "bat-unknown"), "No batch bat-unknown"),
        (("list", "--status", "happy"), "No batch has the status happy"),
        (("verify", "papers"), "cannot be read"),
    ],
)
def test_error_is_one_sentence_with_a_hint(
    cold_cli: Cli, folder: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    (folder.parent / "wrong.yaml").write_text("tirr: fast\n")
    (folder.parent / "list.yaml").write_text("- fast\n")
    (folder.parent / "broken.yaml").write_text("tier: [fast\n")

    done = cold_cli(*arguments)

    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Hint:" in done.stderr
    assert "Traceback" not in done.stderr


def test_unusable_home_is_named_in_the_error(cold_cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    done = cold_cli("list", "--home", tmp_path / "file")

    assert done.returncode == 2
    assert "DOCMILL_HOME" in done.stderr


@pytest.mark.acceptance
def test_unavailable_named_server_is_named_in_the_error(tmp_path: Path, folder: Path) -> None:
    cli = Cli(tmp_path / "home", tmp_path, {"TEMPORAL_ADDRESS": "127.0.0.1:1"})

    done = cli("run", folder)

    assert done.returncode == 3
    assert "No Temporal server answers at 127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.acceptance
@pytest.mark.parametrize(
    "command", [("run", "."), ("deployments", "list"), ("deployments", "drain", "A")]
)
def test_embedded_server_has_no_worker_versions(tmp_path: Path, command: tuple[str, ...]) -> None:
    cli = Cli(tmp_path / "home", tmp_path, {"DOCMILL_WORKER_DEPLOYMENT": "docmill"})

    done = cli(*command)

    assert done.returncode == 2
    assert "The embedded Temporal server has no worker versioning." in done.stderr
    assert "TEMPORAL_ADDRESS" in done.stderr


def test_doctor_reports_no_problem_on_this_machine(cold_cli: Cli) -> None:
    report = cold_cli.json("doctor")

    assert report["ok"], report
    names = {check["name"] for check in report["checks"]}
    assert {"Python", "Temporal server", "OCR data", "Home", "Disk", "Database", "Ports"} <= names


@pytest.mark.acceptance
def test_doctor_reports_each_problem_and_its_fix(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cli = Cli(tmp_path / "file", tmp_path)

    done = cli("doctor")

    assert done.returncode == 1
    assert "WRONG Home" in done.stdout
    assert "DOCMILL_HOME" in done.stdout


def test_interrupted_pipe_is_no_error(cold_cli: Cli) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(
            cold_cli.command("list"),
            env=cold_cli.environment,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert "Traceback" not in done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_list_of_commands_repeats_the_first_line_of_each_help(name: str) -> None:
    command = COMMANDS[name]

    assert command.load(name).help.splitlines()[0] == command.summary
