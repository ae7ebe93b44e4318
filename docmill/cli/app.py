"""All commands, and the one place where an error becomes a message and an exit code."""

import gc
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import Abort, TyperException

from docmill.cli.exits import Exit, code_of, leave
from docmill.cli.options import StrictCommand, program
from docmill.errors import DocmillError

HELP = """Run one job for every file of a folder, durably.

Exit codes: 0 all files completed or were processed already, 1 some failed or were skipped, 2 wrong
usage, 3 the batch failed or a service is away, 4 cancelled from elsewhere, 130 interrupted.
"""


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command is defined.

    Attributes:
        target: ``module:name`` of its function, or of the `typer.Typer` of its sub-commands.
        summary: its line in the list of commands: the first line of its own help. It stands here
            too, so that the list is printed without loading any command.
        kind: the class of its click command.
    """

    target: str
    summary: str
    kind: type[TyperCommand] = TyperCommand

    def load(self, name: str) -> Any:
        """Import the command's module, and return the click command ``name``."""
        module, _, attribute = self.target.partition(":")
        found = getattr(import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            app = typer.Typer(add_completion=False, rich_markup_mode=None)
            app.command(name, cls=self.kind)(found)
            found = app
        return typer.main.get_command(found)


COMMANDS: Mapping[str, Command] = {
    "run": Command(
        "docmill.cli.run.command:run",
        "Parse, classify or extract from every file of a folder or a bucket.",
        StrictCommand,
    ),
    "sync": Command(
        "docmill.cli.run.sync:sync",
        "Process what is new or changed in a source since its last sync.",
    ),
    "status": Command("docmill.cli.show.status:status", "Show state and counts of a batch."),
    "watch": Command("docmill.cli.show.watch:watch", "Follow a batch until it ends."),
    "list": Command("docmill.cli.show.batches:list_", "List batches, the newest first."),
    "results": Command("docmill.cli.show.results:results", "List the outcome of each file."),
    "failures": Command(
        "docmill.cli.show.failures:failures", "Show failed files, grouped by cause."
    ),
    "cancel": Command("docmill.cli.steering:cancel", "Stop a batch; finished results stay."),
    "pause": Command("docmill.cli.steering:pause", "Start no more files until resumed."),
    "resume": Command("docmill.cli.steering:resume", "Continue a paused batch."),
    "concurrency": Command(
        "docmill.cli.steering:concurrency", "Change how many files are in flight."
    ),
    "redrive": Command(
        "docmill.cli.run.redrive:redrive",
        "Run again what an ended batch did not complete.",
        StrictCommand,
    ),
    "up": Command("docmill.cli.up:up", "Keep everything running until Ctrl-C."),
    "worker": Command(
        "docmill.cli.programs:worker", "Run a worker for a Temporal server of your own."
    ),
    "server": Command(
        "docmill.cli.programs:server", "Serve the HTTP API for a Temporal server of your own."
    ),
    "codec-server": Command(
        "docmill.cli.programs:codec_server",
        "Decrypt payloads for Temporal's Web UI and command line.",
    ),
    "verify": Command("docmill.cli.verify:verify", "Compare outputs with the manifest."),
    "migrate": Command("docmill.cli.migrate:migrate", "Bring the records database up to date."),
    "doctor": Command("docmill.cli.doctor:doctor", "Check this machine."),
    "settings": Command(
        "docmill.cli.effective:settings", "Print the effective settings, and where each comes from."
    ),
    "deployments": Command(
        "docmill.cli.deployments:group", "Versions of the workers: which one gets new batches."
    ),
    "keys": Command("docmill.cli.keys:group", "API keys of projects."),
    "projects": Command(
        "docmill.cli.projects:group", "Projects: who owns files, batches and results."
    ),
    "batches": Command("docmill.cli.api_batches:group", "v2 batches through the HTTP API."),
    "beta:batch": Command("docmill.cli.api_beta_batch:group", "v1 batches through the HTTP API."),
}


class CommandGroup(TyperGroup):
    """The commands; a module is loaded when its command is called or shows its help."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, loaded; None when there is none of this name."""
        command = COMMANDS.get(cmd_name)
        return command and command.load(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in COMMANDS.items()])


app = CommandGroup(
    name="docmill",
    help=HELP,
    # Names to suggest for one that was mistyped.
    commands={name: TyperCommand(name, callback=None) for name in COMMANDS},
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> NoReturn:
    """Run the command of this process's arguments, and leave with its exit code."""
    # Loading modules leaves no garbage; collecting it takes an eighth of a start. `execute` turns
    # collection on.
    gc.disable()
    leave(_run())


def _run() -> int:
    try:
        code = app.main(prog_name=program(), standalone_mode=False)
    except typer.Exit as error:
        return error.exit_code
    except BaseException as error:  # noqa: BLE001 - the last resort: a message, no traceback
        return _explain(error)
    return code if isinstance(code, int) else Exit.OK


def _explain(error: BaseException) -> Exit:
    match error:
        case DocmillError():
            return _print_error(error.message, error.hint, code_of(error))
        case TyperException():
            hint = "Add --help to see what the command takes."
            return _print_error(error.format_message(), hint, Exit.USAGE)
        case KeyboardInterrupt() | Abort():
            return Exit.INTERRUPTED
        case BrokenPipeError() | SystemExit():  # rich turns the first into the second
            return Exit.OK  # the reader has enough, as in `list | head`
        case _:
            return _report_bug(error)


def _print_error(message: str, hint: str, code: Exit) -> Exit:
    if message:
        sys.stderr.write(f"Error: {message}\n")
    if message and hint:
        sys.stderr.write(f"Hint:  {hint}\n")
    return code


def _report_bug(error: BaseException) -> Exit:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", prefix="docmill-error-", suffix=".txt", delete=False, encoding="utf-8"
    ) as report:
        traceback.print_exception(error, file=report)
    return _print_error(
        f"Docmill itself failed: {type(error).__name__}: {error}",
        f"This is a bug: report it with {report.name}. You can run the same command again.",
        Exit.BATCH_FAILED,
    )
