"""Write what the reference pages take from the code: ``make docs``.

A page has blocks between ``<!-- generated: NAME -->`` and ``<!-- end -->``. Each block is replaced
by what the function of that name returns here; the rest of the page is written by hand. A test
compares the pages with the code.
"""

import inspect
import re
import shlex
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from click import Context
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from docmill.api.app import create_app
from docmill.cli.app import COMMANDS
from docmill.contracts import names, webhook_events, words
from docmill.contracts.scans import LEFT_OUT_WORDS, LeftOutReason
from docmill.contracts.warnings import WARNING_GUIDES, WarningCode, kind_of
from docmill.errors import GUIDES, Retry
from docmill.metrics.catalogue import METRICS
from docmill.settings import Settings

PAGES = Path(__file__).resolve().parent
ENVIRONMENT_EXAMPLE = PAGES.parents[1] / ".env.example"
BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)

RETRIES = {
    Retry.NEVER: "no",
    Retry.ENGINE: "three tries",
    Retry.WORKER: "three workers",
    Retry.INFRASTRUCTURE: "until it is back",
}
COMPUTED = {"home": "the platform's user data folder", "engine_slots": "number of processors"}
"""Defaults that differ from machine to machine."""
HELP_WIDTH = 96


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [[cell.replace("|", r"\|") for cell in row] for row in (head, *rows)]
    first, *others = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([first, "|---" * len(head) + "|", *others])


def settings() -> str:
    """Every setting, by the docstring of `Settings`."""
    meanings = attributes_of(Settings)
    rows = [
        (f"`DOCMILL_{name.upper()}`", default_of(name, field), meanings[name])
        for name, field in Settings.model_fields.items()
    ]
    return table(("variable", "default", "meaning"), rows)


ENVIRONMENT_HEAD = """\
# Every setting of Docmill with its default; written by `make docs`. Copy this file to `.env`,
# remove the `#` before what you change, and pass it to the processes, for example:
#
#   a shell          set -a; . ./.env; set +a
#   systemd          EnvironmentFile=/etc/docmill/env
#
# Docmill itself reads no file. docker compose reads `.env` for the variables that
# docker-compose.yml names.
#
# `starter.py settings` prints the values that take effect.
"""


def environment_example() -> str:
    """Every setting as a commented line of an environment file."""
    meanings = attributes_of(Settings)
    parts = [ENVIRONMENT_HEAD]
    for name, field in Settings.model_fields.items():
        value = default_of(name, field).strip("`")
        if name in COMPUTED:
            meanings[name] += f" Default: {value}."
        text = textwrap.fill(
            meanings[name].replace("`", ""),
            HELP_WIDTH,
            initial_indent="# ",
            subsequent_indent="# ",
            break_on_hyphens=False,
            break_long_words=False,
        )
        parts.append(f"{text}\n#DOCMILL_{name.upper()}={plain_default(name, value)}\n")
    return "\n".join(parts)


def plain_default(name: str, value: str) -> str:
    """Return a default as a shell reads it; nothing for one that differs or is empty."""
    return "" if name in COMPUTED or value == "none" else shlex.quote(value)


def attributes_of(documented: type) -> dict[str, str]:
    """Return the entries of the ``Attributes:`` section of a class's docstring."""
    section = (inspect.getdoc(documented) or "").partition("Attributes:\n")[2]
    entries = re.findall(r"^    (\w+): ((?:.+\n?)(?:^ {5,}.+\n?)*)", section, re.MULTILINE)
    return {name: plain(" ".join(text.split())) for name, text in entries}


def plain(text: str) -> str:
    """Turn the code marks of a docstring into those of Markdown."""
    return text.replace("``", "`")


def default_of(name: str, field: FieldInfo) -> str:
    """Return the default of a setting as the environment would give it."""
    default: Any = field.default
    if name in COMPUTED:
        return COMPUTED[name]
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    return "none" if default == "" else f"`{default}`"


def failures() -> str:
    """Every class of failure."""
    rows = [
        (f"`{failure}`", guide.meaning, guide.advice, RETRIES[guide.retry])
        for failure, guide in GUIDES.items()
    ]
    return table(("class", "what happened", "what to do", "tried again"), rows)


def warnings() -> str:
    """Every code of a warning."""
    rows = [(f"`{code}`", str(kind_of(code)), WARNING_GUIDES[code].meaning) for code in WarningCode]
    return table(("code", "kind", "meaning"), rows)


def left_out() -> str:
    """Every reason why a listing leaves something out."""
    rows = [(f"`{reason}`", LEFT_OUT_WORDS[reason]) for reason in LeftOutReason]
    return table(("reason", "what"), rows)


def commands() -> str:
    """The help of each command, sub-commands included."""
    parts = []
    for name, command in COMMANDS.items():
        loaded: Any = command.load(name)
        subcommands = getattr(loaded, "commands", {})
        parts.append(f"## {name}\n")
        if not subcommands:
            parts.append(help_of(loaded, name))
        for sub_name, sub in subcommands.items():
            parts.append(f"### {name} {sub_name}\n\n{help_of(sub, f'{name} {sub_name}')}")
    return "\n".join(parts).rstrip("\n")


def help_of(command: Any, name: str) -> str:
    """Return what ``--help`` prints, as a block of text."""
    context: Context = command.make_context(
        f"docmill {name}",
        [],
        resilient_parsing=True,
        terminal_width=HELP_WIDTH,
        max_content_width=HELP_WIDTH,
        help_option_names=["-h", "--help"],
    )
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    return f"```text\n{text}\n```\n"


def endpoints() -> str:
    """Every endpoint, by resource, from the OpenAPI document."""
    document = create_app(Settings(home=PAGES)).openapi()
    groups: dict[str, list[tuple[str, ...]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            summary = " ".join(operation.get("description", "").partition("\n\n")[0].split())
            row = (f"`{method.upper()} {path}`", plain(summary))
            groups.setdefault(operation["tags"][0], []).append(row)
    return "\n\n".join(
        f"## {tag[0].upper()}{tag[1:]}\n\n{table(('endpoint', 'what it does'), rows)}"
        for tag, rows in groups.items()
    )


def wire_names() -> str:
    """Every constant of the wire contract whose value is a name."""
    kinds = {
        "task queue": "_QUEUE",
        "workflow": "_WORKFLOW",
        "query": "_QUERY",
        "signal": "_SIGNAL",
        "update": "_UPDATE",
        "search attribute": "_ATTRIBUTE",
    }
    rows = [
        (kind, f"`{value}`")
        for kind, ending in kinds.items()
        for name, value in vars(names).items()
        if name.endswith(ending)
    ]
    return table(("kind", "name"), rows)


def states() -> str:
    """Every state of batches, items and jobs."""
    closed = {
        "batch": words.BatchStatus,
        "batch in v1": words.V1Status,
        "item": words.ItemStatus,
        "job": words.JobStatus,
        "reason of a skip": words.SkipReason,
    }
    return table(
        ("of", "values"), [(of, ", ".join(f"`{v}`" for v in kind)) for of, kind in closed.items()]
    )


def events() -> str:
    """Every event that a webhook can get."""
    rows = [("batch", ", ".join(f"`{event}`" for event in webhook_events.BATCH_EVENTS.values()))]
    for job_type in words.JobType:
        named = webhook_events.job_events(job_type)
        rows.append((f"{job_type} job", ", ".join(f"`{event}`" for event in named)))
    return table(("of", "events"), [*rows, ("test call", f"`{webhook_events.TEST_EVENT}`")])


def metrics() -> str:
    """Every metric of Docmill."""
    rows = [
        (
            f"`{one.name}`",
            str(one.kind),
            str(one.publishers),
            ", ".join(f"`{label}`" for label in one.labels) or "none",
            one.meaning,
        )
        for one in METRICS
    ]
    return table(("metric", "type", "of", "labels", "meaning"), rows)


BLOCKS: dict[str, Callable[[], str]] = {
    made.__name__: made
    for made in (
        settings,
        failures,
        warnings,
        left_out,
        commands,
        endpoints,
        wire_names,
        states,
        events,
        metrics,
    )
}


def generated(page: str) -> str:
    """Return the text of a page with its blocks as the code gives them."""

    def fill(block: re.Match[str]) -> str:
        return f"{block[1]}{BLOCKS[block[2]]()}\n{block[4]}"

    return BLOCK.sub(fill, page)


def main() -> None:
    """Bring every page up to date, and name those that changed."""
    for path in sorted(PAGES.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        if (current := generated(page)) != page:
            path.write_text(current, encoding="utf-8")
            sys.stdout.write(f"{path.name} brought up to date\n")
    ENVIRONMENT_EXAMPLE.write_text(environment_example(), encoding="utf-8")


if __name__ == "__main__":
    main()
