"""The command run: the main job."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from docmill.cli.execute import perform, settings_of
from docmill.cli.options import (
    HomeOption,
    JsonOption,
    ProfileOption,
    StrictCommand,
    StrictOption,
    words_of,
)

if TYPE_CHECKING:
    from docmill.cli.run.request import RunRequest


class Job(StrEnum):
    """The products that a folder can be run through."""

    PARSE = "parse"
    CLASSIFY = "classify"
    EXTRACT = "extract"


class Target(StrEnum):
    """What one result of an extraction describes."""

    PER_DOC = "per_doc"
    PER_PAGE = "per_page"
    PER_TABLE_ROW = "per_table_row"


def run(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder with the files.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where results go.  [default: docmill-out/<folder name>, with a hash behind it "
            "where that belongs to another folder or job]",
        ),
    ] = None,
    recursive: Annotated[bool, typer.Option(help="Take sub-folders too.")] = True,
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Take only these relative paths; may be repeated."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Leave these relative paths out; may be repeated."),
    ] = None,
    follow_links: Annotated[
        bool,
        typer.Option("--follow-links", help="Follow symlinks that stay within the folder."),
    ] = False,
    job: Annotated[
        Job, typer.Option(help="What to do with each file.  [default: parse]", show_default=False)
    ] = Job.PARSE,
    rules: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For --job classify: YAML or JSON, a list of {type, description}.",
        ),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For --job extract: JSON or YAML, a JSON Schema of what is to be found.",
        ),
    ] = None,
    cite: Annotated[
        bool, typer.Option("--cite", help="For --job extract: say where each value stands.")
    ] = False,
    confidence: Annotated[
        bool,
        typer.Option("--confidence", help="For --job extract: say how sure each value is."),
    ] = False,
    target: Annotated[
        Target | None,
        typer.Option(
            help="For --job extract: one result for each document, page or row of its tables.  "
            "[default: per_doc]",
            show_default=False,
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="local (parse), basic (classify, extract), llm (classify, extract) or "
            "llamacloud.  [default: what is configured]",
        ),
    ] = None,
    tier: Annotated[
        str | None,
        typer.Option(
            help="fast (text layers only), cost_effective (the default: OCR for pages without "
            "text), agentic or agentic_plus."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Parameters of the job as YAML or JSON: those of parse_v2, classify_v2 or "
            "extract_v2.",
        ),
    ] = None,
    page_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=1000, help="Files fetched at a time.")
    ] = None,
    continue_as_new_threshold: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Files of one workflow run at most."),
    ] = None,
    items_per_activity: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Small files that share one Temporal activity at most, 1 to 64, or auto.  "
            "[default: auto]",
        ),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=256, help="Activities in flight at most.")
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Process files again whose result is stored already."),
    ] = False,
    max_failures: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Stop as FAILED once more than N files failed."),
    ] = None,
    max_failure_rate: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            min=0,
            max=0.999,
            help="Stop as FAILED once more than this part (0.1: a tenth) of at least 20 files "
            "failed.",
        ),
    ] = None,
    strict: StrictOption = None,
    as_json: JsonOption = False,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Parse, classify or extract from every file of a folder.

    Writes one result per file, as JSON and (parsed) as Markdown, a manifest and a report.

    The same command, run again, resumes an unfinished batch where it stopped. After the batch has
    ended, it takes new, changed and failed files and skips what is unchanged.
    """
    from docmill.cli.run.job_parameters import JobFlags
    from docmill.cli.run.request import Pace, RunRequest, items_per_activity_of
    from docmill.contracts.words import JobType

    request = RunRequest(
        folder=folder,
        out=out,
        recursive=recursive,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        follow_links=follow_links,
        pace=Pace(
            page_size,
            continue_as_new_threshold,
            items_per_activity_of(items_per_activity),
            concurrency,
            max_failures,
            max_failure_rate,
        ),
        flags=JobFlags(
            job=JobType(job),
            tier=tier,
            engine=engine,
            rules=rules,
            schema=schema,
            cite=cite,
            confidence=confidence,
            target=target and target.value,
            force=force,
            config=config,
        ),
        strict=words_of(strict),
    )
    _perform(request, as_json=as_json, profile=profile, home=home)


def _perform(
    request: "RunRequest", *, as_json: bool, profile: str | None, home: Path | None
) -> None:
    from docmill.cli.run.request import plan_of

    settings = settings_of(home)
    plan = plan_of(request, settings)
    from docmill.cli.run.command import run_plan

    perform(run_plan(plan, settings, as_json=as_json, profile=profile), is_loaded=False)


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command(cls=StrictCommand)(run)
