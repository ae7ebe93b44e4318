"""The command run: its options; what it needs is started first, then loaded."""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from docmill.cli.console import Console
from docmill.cli.execute import enable_garbage_collection, execute, settings_of
from docmill.cli.exits import Exit
from docmill.cli.interrupts import until_interrupted
from docmill.cli.options import (
    HomeOption,
    JsonOption,
    ProfileOption,
    StrictOption,
    program,
    words_of,
)
from docmill.cli.run.job_options import (
    CiteOption,
    ConcurrencyOption,
    ConfidenceOption,
    ConfigOption,
    EngineOption,
    ExcludeOption,
    FollowLinksOption,
    IncludeOption,
    Job,
    JobOption,
    RecursiveOption,
    RulesOption,
    SchemaOption,
    SourceArgument,
    TargetOption,
    TierOption,
)
from docmill.cli.run.job_parameters import JobFlags
from docmill.cli.run.request import Pace, Plan, RunRequest, items_per_activity_of, plan_of
from docmill.cli.runtime import open_runtime
from docmill.contracts.words import JobType
from docmill.objects.places import place_of
from docmill.settings import Settings

if TYPE_CHECKING:
    from docmill.cli.run.folder import Run


def run(
    source: SourceArgument,
    *,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="DEST",
            help="Where results go: a folder or a bucket.  [default: docmill-out/<source name>, "
            "with a hash behind it where that belongs to another source or job]",
        ),
    ] = None,
    recursive: RecursiveOption = True,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    follow_links: FollowLinksOption = False,
    job: JobOption = Job.PARSE,
    rules: RulesOption = None,
    schema: SchemaOption = None,
    cite: CiteOption = False,
    confidence: ConfidenceOption = False,
    target: TargetOption = None,
    engine: EngineOption = None,
    tier: TierOption = None,
    config: ConfigOption = None,
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
    concurrency: ConcurrencyOption = None,
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
    """Parse, classify or extract from every file of a folder or a bucket.

    Writes one result per file, as JSON and (parsed) as Markdown, a manifest and a report.

    The same command, run again, resumes an unfinished batch where it stopped. After the batch has
    ended, it takes new, changed and failed files and skips what is unchanged.
    """
    request = RunRequest(
        source=place_of(source),
        out=None if out is None else place_of(out),
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
    settings = settings_of(home)
    plan = plan_of(request, settings)
    work = run_plan(plan, settings, as_json=as_json, profile=profile)
    execute(work, is_loaded=False)


async def run_plan(plan: Plan, settings: Settings, *, as_json: bool, profile: str | None) -> int:
    """Run the main job on a source and return the command's exit code."""
    command = _Command(plan, settings, Console(as_json=as_json))
    code = await until_interrupted(command.execute(profile), command.console.print_stopping)
    if code is None:
        command.say_interrupted()
        return Exit.INTERRUPTED
    return code


class _Command:
    def __init__(self, plan: Plan, settings: Settings, console: Console) -> None:
        self._plan = plan
        self._settings = settings
        self.console = console
        self._run: Run | None = None

    async def execute(self, profile: str | None) -> int:
        """Run the job, and say how it ended once nothing of it runs any more."""
        began = monotonic()
        await asyncio.to_thread(self._plan.claim_out)
        async with open_runtime(self._settings, profile, self.console.print) as runtime:
            # Loaded while the server and the worker start.
            from docmill.cli.run.folder import Run
            from docmill.cli.run.summary import print_summary

            enable_garbage_collection()
            self._run = Run(self._plan, self.console, runtime, began)
            ending = await self._run.execute(self._settings)
        self.console.print_json(ending.as_json())
        print_summary(self.console, ending)
        return ending.code

    def say_interrupted(self) -> None:
        """Say what is kept, and how to go on."""
        run = self._run
        if run is None or run.batch is None:
            self.console.print("Interrupted before a batch was made.")
            return
        state = "continues without this command" if run.runtime.remote else "is kept"
        self.console.print(f"Interrupted. The batch {run.batch.id} {state}.", style="bold")
        self.console.print("Resume it:  run the same command again")
        self.console.print(f"Cancel it:  {program()} cancel {run.batch.id}")
