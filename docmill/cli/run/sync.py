"""The command sync: process what is new or changed in a source, now or on a schedule."""

import asyncio
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from docmill.cli.console import Console
from docmill.cli.execute import execute, settings_of
from docmill.cli.exits import Exit
from docmill.cli.interrupts import until_interrupted
from docmill.cli.options import HomeOption, JsonOption, ProfileOption, program
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
from docmill.cli.run.request import Pace, Plan, RunRequest, plan_of
from docmill.cli.runtime import open_runtime
from docmill.contracts.words import BatchStatus, JobType
from docmill.errors import UsageError
from docmill.ids import DEFAULT_PROJECT_ID, Prefix, derived_id
from docmill.objects.places import is_bucket_url, place_of
from docmill.settings import Settings

if TYPE_CHECKING:
    from docmill.cli.runtime import Connection
    from docmill.contracts.syncs import SyncResult
    from docmill.records.tables.sources import Sync
    from docmill.temporal.syncs import Timing

_EVERY = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def sync(
    source: SourceArgument,
    *,
    out: Annotated[
        str, typer.Option(metavar="DEST", help="Where results go: a folder or a bucket.")
    ],
    every: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Sync on a schedule: every 90s, 15m, 2h or 1d."),
    ] = None,
    cron: Annotated[
        str | None,
        typer.Option(metavar="EXPR", help="Sync on a schedule: a cron expression in UTC."),
    ] = None,
    stop: Annotated[
        bool, typer.Option("--stop", help="End the schedule of this source and destination.")
    ] = False,
    delete: Annotated[
        bool,
        typer.Option("--delete", help="Delete results of files that are gone from the source."),
    ] = False,
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
    concurrency: ConcurrencyOption = None,
    as_json: JsonOption = False,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Process what is new or changed in a source since its last sync.

    Makes a batch over these files only, which a worker exports. Files that are gone are noted in
    manifests/_vanished.jsonl of the destination. With --every or --cron, a Temporal Schedule
    repeats this while a worker runs (up); the first sync is done at once.
    """
    timing = timing_of(every, cron)
    request = RunRequest(
        source=place_of(source),
        out=place_of(out),
        recursive=recursive,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        follow_links=follow_links,
        pace=Pace(concurrency=concurrency),
        flags=JobFlags(
            job=JobType(job),
            tier=tier,
            engine=engine,
            rules=rules,
            schema=schema,
            cite=cite,
            confidence=confidence,
            target=target and target.value,
            config=config,
        ),
    )
    settings = settings_of(home)
    command = _Sync(plan_of(request, settings), settings, Console(as_json=as_json))
    execute(command.stop(profile) if stop else command.run(profile, timing, delete=delete))


def timing_of(every: str | None, cron: str | None) -> "Timing | None":
    """Return when a sync is repeated; None if it is not.

    Raises:
        UsageError: both are given, or the time is not one.
    """
    from docmill.temporal.syncs import Timing

    if every is not None and cron is not None:
        raise UsageError("Both --every and --cron are given.", "Give one of them.")
    if every is None:
        return None if cron is None else Timing(cron=cron)
    found = _EVERY.fullmatch(every)
    if found is None or not int(found[1]):
        raise UsageError(f"{every} is not a time.", "Write 90s, 15m, 2h or 1d.")
    return Timing(every=timedelta(**{_UNITS[found[2]]: int(found[1])}))


class _Sync:
    def __init__(self, plan: Plan, settings: Settings, console: Console) -> None:
        self._plan = plan
        self._settings = settings
        self._console = console
        self._id = derived_id(Prefix.SYNC, plan.identity)

    @property
    def _summary(self) -> str:
        return f"{self._plan.source.location} to {self._plan.out.location}"

    async def stop(self, profile: str | None) -> int:
        """Delete the schedule."""
        from docmill.temporal.syncs import stop_sync

        async with open_runtime(self._settings, profile, self._console.print) as runtime:
            stopped = await stop_sync(await runtime.client(), self._id)
        self._console.print_json({"sync_id": self._id, "stopped": stopped})
        self._console.print(
            f"Not synced any more: {self._summary}." if stopped else "There is no such schedule."
        )
        return Exit.OK if stopped else Exit.USAGE

    async def run(self, profile: str | None, timing: "Timing | None", *, delete: bool) -> int:
        """Run the sync until it ends, or until Ctrl-C; the sync itself goes on."""
        work = self._run(profile, timing, delete=delete)
        code = await until_interrupted(work, self._console.print_stopping)
        if code is None:
            self._console.print("Interrupted. The sync goes on while a worker runs.", style="bold")
            return Exit.INTERRUPTED
        return code

    async def _run(self, profile: str | None, timing: "Timing | None", *, delete: bool) -> int:
        """Save the sync, schedule it if it is to be repeated, and run it once."""
        from docmill.cli.context import open_context
        from docmill.cli.run.start import needs_upload
        from docmill.records.syncs import Syncs
        from docmill.temporal.syncs import run_sync, schedule_sync

        await asyncio.to_thread(self._plan.claim_out)
        async with open_runtime(self._settings, profile, self._console.print) as runtime:
            async with open_context(self._settings) as context:
                temporal = await runtime.connection()
                if runtime.remote and await needs_upload(context, temporal, self._console):
                    self._check_reach()
                async with context.database.write() as session:
                    await Syncs(session).save(self._row(delete=delete))
            if timing is not None:
                await schedule_sync(temporal.client, self._id, self._summary, timing)
                self._say_schedule(temporal)
            self._console.print(f"Syncing {self._summary} …")
            result = await run_sync(temporal.client, self._id, self._summary)
        self._say(result)
        return _exit_of(result)

    def _check_reach(self) -> None:
        """Reject folders of this machine, if workers on other machines would run the sync.

        Raises:
            UsageError: source or destination is a folder.
        """
        for place in (self._plan.source.location, self._plan.out.location):
            if not is_bucket_url(place):
                raise UsageError(
                    f"Workers on other machines cannot reach the folder {place}.",
                    "Sync from a bucket to a bucket, or use run, which uploads and exports.",
                )

    def _row(self, *, delete: bool) -> "Sync":
        from docmill.records.tables.sources import Sync

        return Sync(
            id=self._id,
            project_id=DEFAULT_PROJECT_ID,
            source=self._plan.source.as_json(),
            out=self._plan.out.location,
            spec=self._plan.spec(None).model_dump(mode="json"),
            delete_vanished=delete,
        )

    def _say_schedule(self, temporal: "Connection") -> None:
        self._console.print(f"Scheduled as {self._id} in Temporal.", style="bold")
        if (page := temporal.schedule_page_of(self._id)) is not None:
            self._console.print(f"Schedule:  {page}")
        self._console.print(f"It runs while Temporal and a worker do:  {program()} up")

    def _say(self, result: "SyncResult") -> None:
        self._console.print_json(
            {"sync_id": self._id, "exit_code": int(_exit_of(result))}
            | result.model_dump(mode="json")
            | {"out": self._plan.out.location}
        )
        self._console.print(
            f"{result.total:,} files listed, {result.fresh:,} new or changed, "
            f"{result.vanished:,} gone."
        )
        if result.batch_id is not None:
            self._console.print(
                f"{result.batch_id}: {result.status}, {result.completed:,} completed, "
                f"{result.skipped:,} skipped, {result.failed:,} failed."
            )
        if result.deleted:
            self._console.print(f"Results of {result.deleted:,} files were deleted.")
        self._console.print(f"Results:   {self._plan.out.location}")


def _exit_of(result: "SyncResult") -> Exit:
    """Return the exit code, as `run` returns it for the batch."""
    if result.status is BatchStatus.CANCELLED:
        return Exit.CANCELLED
    if result.status is BatchStatus.FAILED:
        return Exit.BATCH_FAILED
    return Exit.SOME_FAILED if result.failed else Exit.OK
