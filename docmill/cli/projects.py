"""The commands projects: create, list, limit, archive and delete projects."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from docmill.cli.console import Console
from docmill.cli.context import command_actor, open_context
from docmill.cli.execute import audited_settings_of, execute
from docmill.cli.exits import Exit
from docmill.cli.options import HomeOption, JsonOption, ProfileOption
from docmill.cli.runtime import open_link
from docmill.contracts.access import Limits
from docmill.records.audit import Audit, log_change
from docmill.records.keyset import MAX_LIMIT
from docmill.records.projects import Projects, limits_of
from docmill.records.tables.sources import Project
from docmill.settings import MIB
from docmill.upkeep.projects import delete_project

group = typer.Typer(
    name="projects",
    help="Projects: who owns files, batches and results.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
ProjectId = Annotated[str, typer.Argument(metavar="ID", help="The project, as list prints it.")]
Rate = Annotated[
    float | None,
    typer.Option(
        "--requests-per-second",
        metavar="N",
        min=0.001,
        max=1_000_000,
        help="Requests of its keys, over all API processes.",
    ),
]
Burst = Annotated[
    int | None,
    typer.Option(
        "--burst", metavar="N", min=1, max=1_000_000, help="Requests that may come at once."
    ),
]
UploadMb = Annotated[
    int | None, typer.Option("--max-upload-mb", metavar="N", min=1, help="MiB of one upload.")
]
OpenBatches = Annotated[
    int | None,
    typer.Option("--max-open-batches", metavar="N", min=1, help="Batches that have not ended."),
]
StoredMb = Annotated[
    int | None,
    typer.Option(
        "--max-stored-mb", metavar="N", min=1, help="MiB of all uploads and results together."
    ),
]


@group.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")],
    *,
    requests_per_second: Rate = None,
    burst: Burst = None,
    max_upload_mb: UploadMb = None,
    max_open_batches: OpenBatches = None,
    max_stored_mb: StoredMb = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Make a project; without options it has no limits."""
    limits = _limits(requests_per_second, burst, max_upload_mb, max_open_batches, max_stored_mb)
    execute(create_project(name, limits, as_json=as_json, home=home))


@group.command("list")
def list_(as_json: JsonOption = False, home: HomeOption = None) -> None:
    """List projects with their limits, the oldest first."""
    execute(list_projects(as_json=as_json, home=home))


@group.command()
def limits(
    project_id: ProjectId,
    *,
    requests_per_second: Rate = None,
    burst: Burst = None,
    max_upload_mb: UploadMb = None,
    max_open_batches: OpenBatches = None,
    max_stored_mb: StoredMb = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Replace the limits of a project; an option that is left out sets none."""
    given = _limits(requests_per_second, burst, max_upload_mb, max_open_batches, max_stored_mb)
    execute(set_limits(project_id, given, as_json=as_json, home=home))


@group.command()
def archive(project_id: ProjectId, as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Let a project only answer reads from now on."""
    execute(archive_project(project_id, as_json=as_json, home=home))


@group.command()
def delete(
    project_id: ProjectId,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    keep_histories: Annotated[
        bool,
        typer.Option("--keep-histories", help="Leave its workflows' histories to Temporal."),
    ] = False,
    abandon_remote_jobs: Annotated[
        bool,
        typer.Option(
            "--abandon-remote-jobs",
            help="Delete it although jobs at remote engines are not cancelled; they are audited.",
        ),
    ] = False,
    as_json: JsonOption = False,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Delete a project with all its files, batches, results, keys and histories in Temporal.

    The audit log stays. An interrupted deletion goes on when the command is run again.
    """
    if not yes:
        typer.confirm(f"Delete everything that {project_id} owns?", abort=True, err=True)
    work = remove_project(
        project_id,
        profile,
        keep_histories=keep_histories,
        abandon_jobs=abandon_remote_jobs,
        as_json=as_json,
        home=home,
    )
    execute(work)


def _limits(
    rate: float | None,
    burst: int | None,
    upload_mb: int | None,
    open_batches: int | None,
    stored_mb: int | None,
) -> Limits:
    return Limits(
        requests_per_second=rate,
        burst=burst,
        max_upload_bytes=None if upload_mb is None else upload_mb * MIB,
        max_open_batches=open_batches,
        max_stored_bytes=None if stored_mb is None else stored_mb * MIB,
    )


async def create_project(name: str, limits: Limits, *, as_json: bool, home: Path | None) -> int:
    """Make a project and print its id."""
    async with open_context(audited_settings_of(home)) as context:
        async with context.database.write() as session:
            project = await Projects(session).create(name, limits)
            actor = command_actor("create_project")
            change = await Audit(session).record(project.id, actor, [project.id])
        log_change(change)
    console = Console(as_json=as_json)
    console.print_json(_as_json(project))
    if not as_json:
        console.print(project.id)
    return Exit.OK


async def list_projects(*, as_json: bool, home: Path | None) -> int:
    """Print all projects."""
    console = Console(as_json=as_json)
    projects: list[Project] = []
    async with (
        open_context(audited_settings_of(home)) as context,
        context.database.read() as session,
    ):
        cursor = None
        while True:
            page = await Projects(session).list(limit=MAX_LIMIT, cursor=cursor)
            projects += page.items
            if (cursor := page.next) is None:
                break
    console.print_json({"projects": [_as_json(project) for project in projects]})
    if as_json:
        return Exit.OK
    table = Table(box=None, pad_edge=False)
    table.add_column("ID", no_wrap=True)
    for name in ("NAME", "STATE", "LIMITS"):
        table.add_column(name, overflow="fold")
    for project in projects:
        given = [f"{name}={value:g}" for name, value in _given(project).items()]
        state = "archived" if project.archived_at else "live"
        table.add_row(project.id, project.name, state, " ".join(given) or "none")
    console.print_table(table)
    return Exit.OK


async def set_limits(project_id: str, limits: Limits, *, as_json: bool, home: Path | None) -> int:
    """Replace the limits of a project."""
    async with open_context(audited_settings_of(home)) as context:
        own = context.database.scoped(project_id, command_actor("set_limits"))
        async with own.write() as session:
            project = await Projects(session).set_limits(project_id, limits)
    console = Console(as_json=as_json)
    console.print_json(_as_json(project))
    console.print(f"Every API process holds {project_id} to them within five seconds.")
    return Exit.OK


async def archive_project(project_id: str, *, as_json: bool, home: Path | None) -> int:
    """Let a project only answer reads."""
    async with open_context(audited_settings_of(home)) as context:
        own = context.database.scoped(project_id, command_actor("archive_project"))
        async with own.write() as session:
            project = await Projects(session).archive(project_id)
    console = Console(as_json=as_json)
    console.print_json(_as_json(project))
    console.print(f"{project_id} only answers reads, everywhere within five seconds.")
    return Exit.OK


async def remove_project(
    project_id: str,
    profile: str | None,
    *,
    keep_histories: bool,
    abandon_jobs: bool,
    as_json: bool,
    home: Path | None,
) -> int:
    """Delete a project and all that it owns; ``profile`` names the server with its histories."""
    console = Console(as_json=as_json)
    async with open_context(audited_settings_of(home)) as context:
        console.print("Its keys are refused from now on; deleting what it owns.")
        actor = command_actor("delete_project", project_id)
        shared = not context.database.is_sqlite
        link = partial(open_link, context.settings, profile, shared=shared)
        await delete_project(
            context.database,
            context.store,
            project_id,
            histories=None if keep_histories else link,
            actor=actor,
            abandon_jobs=abandon_jobs,
        )
    console.print_json({"deleted": project_id})
    console.print(f"Deleted {project_id}.")
    return Exit.OK


def _given(project: Project) -> dict[str, Any]:
    return {name: value for name, value in asdict(limits_of(project)).items() if value is not None}


def _as_json(project: Project) -> dict[str, Any]:
    return {
        "id": project.id,
        "name": project.name,
        "organization_id": project.organization_id,
        "is_default": project.is_default,
        "created_at": project.created_at,
        "archived_at": project.archived_at,
        "limits": _given(project),
    }
