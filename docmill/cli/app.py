"""All commands, and the one place where an error becomes a sentence and an exit code."""

import gc
import sys
from typing import NoReturn

import typer
from typer.exceptions import Abort, TyperException

from docmill.cli.commands import api_batches, api_beta_batch, batches, run, steering, upkeep
from docmill.cli.exits import Exit, code_of, leave
from docmill.cli.options import program
from docmill.errors import DocmillError

HELP = """Run one job for every file of a folder, durably.

Exit codes: 0 all files completed or were processed already, 1 some failed or were skipped, 2 wrong
usage, 3 the batch failed or a service is away, 4 cancelled from elsewhere, 130 interrupted.
"""

app = typer.Typer(
    help=HELP,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (run, batches, steering, upkeep, api_batches, api_beta_batch):
    group.register(app)


def main() -> NoReturn:
    """Run the command of this process's arguments, and leave with its exit code."""
    # Loading modules leaves no garbage; looking for it takes an eighth of a start. `perform`
    # turns it on.
    gc.disable()
    leave(_run())


def _run() -> int:
    try:
        code = app(prog_name=program(), standalone_mode=False)
    except typer.Exit as error:
        return error.exit_code
    except BaseException as error:  # noqa: BLE001 - the last resort: a sentence, never a traceback
        return _explain(error)
    return code if isinstance(code, int) else Exit.OK


def _explain(error: BaseException) -> Exit:
    match error:
        case DocmillError():
            return _say(error.message, error.hint, code_of(error))
        case TyperException():
            hint = "Add --help to see what the command takes."
            return _say(error.format_message(), hint, Exit.USAGE)
        case KeyboardInterrupt() | Abort():
            return Exit.INTERRUPTED
        case BrokenPipeError() | SystemExit():  # rich makes the one of the other
            return Exit.OK  # `list | head` has read enough
        case _:
            return _say_bug(error)


def _say(message: str, hint: str, code: Exit) -> Exit:
    if message:
        sys.stderr.write(f"Error: {message}\n")
    if message and hint:
        sys.stderr.write(f"Hint:  {hint}\n")
    return code


def _say_bug(error: BaseException) -> Exit:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", prefix="docmill-error-", suffix=".txt", delete=False, encoding="utf-8"
    ) as report:
        traceback.print_exception(error, file=report)
    return _say(
        f"Docmill itself failed: {type(error).__name__}: {error}",
        f"This is a bug: report it with {report.name}. The same command may be tried again.",
        Exit.BATCH_FAILED,
    )
