"""The commands deployments: which version of the workers runs which batches."""

import asyncio
from dataclasses import asdict
from functools import partial
from time import monotonic
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from docmill.cli.console import Console
from docmill.cli.execute import execute, settings_of
from docmill.cli.exits import Exit
from docmill.cli.options import JsonOption, ProfileOption, program
from docmill.embedded.addresses import names_server
from docmill.embedded.connect import connect_named
from docmill.errors import ConflictError, NotFoundError, UsageError
from docmill.temporal.deployments import UNVERSIONED, Deployment, Deployments, once_workers_poll
from docmill.temporal.payloads import data_converter

DRAIN_POLL_SECONDS = 2.0
"""Interval of the reads while a version drains."""
SHOWN = 20
"""Batches that are named."""

group = typer.Typer(
    name="deployments",
    help="Versions of the workers: which one gets new batches.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
BuildId = Annotated[str, typer.Argument(metavar="BUILD_ID", help="The version, as list prints it.")]
DeploymentOption = Annotated[
    str | None,
    typer.Option(
        "--deployment", metavar="NAME", help="The deployment.  [default: DOCMILL_WORKER_DEPLOYMENT]"
    ),
]
WaitOption = Annotated[
    float,
    typer.Option(
        "--wait", metavar="SECONDS", min=0, help="How long to wait for workers of the version."
    ),
]


@group.command("list")
def list_(
    deployment: DeploymentOption = None, as_json: JsonOption = False, profile: ProfileOption = None
) -> None:
    """List versions, and what is wrong.

    Shows their state, workers and running batches. The exit code is 1 when something keeps batches
    from running.
    """
    execute(list_versions(deployment, as_json=as_json, profile=profile))


@group.command()
def set_current(
    build_id: Annotated[
        str | None, typer.Argument(metavar="BUILD_ID", help="The version, as list prints it.")
    ] = None,
    *,
    unversioned: Annotated[
        bool, typer.Option("--unversioned", help="Workers without a version, instead of one.")
    ] = False,
    wait: WaitOption = 60.0,
    deployment: DeploymentOption = None,
    profile: ProfileOption = None,
) -> None:
    """Give new batches to a version; also to roll back.

    Waits for workers of the version, on all task queues of the current one. Running batches stay
    on their version until they continue as new.
    """
    if (build_id is None) != unversioned:
        raise UsageError("Give either a version or --unversioned.", "The command list shows them.")
    execute(make_current(build_id or UNVERSIONED, wait, deployment, profile=profile))


@group.command()
def ramp(
    build_id: BuildId,
    percentage: Annotated[
        float, typer.Argument(metavar="PERCENT", min=0, max=100, help="0 ends the ramp.")
    ],
    wait: WaitOption = 60.0,
    deployment: DeploymentOption = None,
    profile: ProfileOption = None,
) -> None:
    """Give a part of the new batches to a version."""
    execute(ramp_version(build_id, percentage, wait, deployment, profile=profile))


@group.command()
def drain(
    build_id: BuildId,
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0, help="How long to wait.")
    ] = 0.0,
    deployment: DeploymentOption = None,
    profile: ProfileOption = None,
) -> None:
    """Wait until no batch runs on a version.

    Then its workers can be stopped. The exit code is 1 while batches run on it.
    """
    execute(drain_version(build_id, wait, deployment, profile=profile))


@group.command()
def move(
    batch_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Batches.  [default: all on the version]"),
    ] = None,
    *,
    source: Annotated[
        str | None, typer.Option("--from", metavar="BUILD_ID", help="Move the batches on it.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--to", metavar="BUILD_ID", help="Where to.  [default: the current version]"),
    ] = None,
    deployment: DeploymentOption = None,
    profile: ProfileOption = None,
) -> None:
    """Continue batches on another version at once.

    For example when their version has no workers any more.
    """
    if not batch_ids and source is None:
        raise UsageError("No batch is named.", "Name batches, or a version with --from.")
    execute(move_batches(batch_ids or [], source, target, deployment, profile=profile))


async def list_versions(deployment: str | None, *, as_json: bool, profile: str | None) -> int:
    """Print the versions of a deployment, and what is wrong."""
    console = Console(as_json=as_json)
    found = await (await _open(deployment, profile)).describe()
    problems = found.problems()
    console.print_json(asdict(found) | {"problems": list(map(asdict, problems))})
    if not as_json:
        console.print(f"{found.name}: {_named(found.current)} is current.", style="bold")
        console.print_table(_table(found))
        for problem in problems:
            console.print(problem.message, style="red")
            console.print(f"  {problem.hint}")
    return Exit.SOME_FAILED if problems else Exit.OK


async def make_current(
    build_id: str, wait: float, deployment: str | None, *, profile: str | None
) -> int:
    """Make a version current once its workers poll."""
    console = Console(as_json=False)
    deployments = await _open(deployment, profile)
    routed = await once_workers_poll(partial(deployments.set_current, build_id), wait)
    console.print(f"{_named(build_id)} gets new batches.", style="bold")
    _print_routing(console, routed=routed)
    found = await deployments.describe()
    for version in found.versions:
        if version.batches and version.build_id != build_id:
            console.print(
                f"{version.batches:,} batches still run on {version.build_id}: keep its workers "
                f"until {program()} deployments drain {version.build_id} says that none do."
            )
    return Exit.OK


async def ramp_version(
    build_id: str, percentage: float, wait: float, deployment: str | None, *, profile: str | None
) -> int:
    """Give a part of the new batches to a version."""
    console = Console(as_json=False)
    deployments = await _open(deployment, profile)
    routed = await once_workers_poll(partial(deployments.ramp, build_id, percentage), wait)
    share = f"gets {percentage:g}% of the new batches." if percentage else "gets no new batches."
    console.print(f"{build_id} {share}", style="bold")
    _print_routing(console, routed=routed)
    return Exit.OK


async def drain_version(
    build_id: str, wait: float, deployment: str | None, *, profile: str | None
) -> int:
    """Wait until no batch runs on a version that gets no new ones."""
    console = Console(as_json=False)
    deployments = await _open(deployment, profile)
    deadline = monotonic() + wait
    while True:
        version = (await deployments.describe()).version(build_id)
        if version is None:
            raise NotFoundError(f"No version {build_id}.", "The command list shows them.")
        if version.is_serving:
            raise ConflictError(
                f"The version {build_id} gets new batches.", "Make another one current first."
            )
        if not version.batches:
            console.print(f"No batch runs on {build_id}: its workers can be stopped.")
            return Exit.OK
        if monotonic() >= deadline:
            break
        await asyncio.sleep(DRAIN_POLL_SECONDS)
    named = [batch_id async for batch_id in deployments.batches_on(build_id)]
    more = f" and {len(named) - SHOWN:,} more" if len(named) > SHOWN else ""
    console.print(
        f"{version.batches:,} batches run on {build_id}: {', '.join(named[:SHOWN])}{more}."
    )
    console.print(f"Move them at once:  {program()} deployments move --from {build_id}")
    return Exit.SOME_FAILED


async def move_batches(
    batch_ids: list[str],
    source: str | None,
    target: str | None,
    deployment: str | None,
    *,
    profile: str | None,
) -> int:
    """Continue batches on another version; report those that have ended meanwhile."""
    console = Console(as_json=False)
    deployments = await _open(deployment, profile)
    found = await deployments.describe()
    to = target or found.current
    version = to and found.version(to)
    if not version:
        raise NotFoundError(
            f"No version {to}." if to else "No version is current.", "Name one with --to."
        )
    if not version.workers:
        raise ConflictError(f"The version {to} has no workers.", "Start them first.")
    if source is not None and not batch_ids:
        batch_ids = [batch_id async for batch_id in deployments.batches_on(source)]
    missing = 0
    for batch_id in batch_ids:
        try:
            await deployments.move(batch_id, version.build_id)
        except NotFoundError as error:
            missing += 1
            console.print(error.message, style="yellow")
        else:
            console.print(f"{batch_id} continues on {to}.")
    if not batch_ids:
        console.print(f"No batch runs on {source}.")
    return Exit.SOME_FAILED if missing else Exit.OK


async def _open(deployment: str | None, profile: str | None) -> Deployments:
    """Connect to the deployment.

    Raises:
        UsageError: it is not named, or the server is the embedded one.
    """
    settings = settings_of(None)
    name = deployment or settings.worker_deployment
    if not name:
        raise UsageError(
            "No worker deployment is named.",
            "Set DOCMILL_WORKER_DEPLOYMENT as for the workers, or give --deployment.",
        )
    if not names_server(profile):
        raise UsageError(
            "The embedded Temporal server has no worker versioning.",
            "Name a server of your own in TEMPORAL_ADDRESS, or with --profile.",
        )
    return Deployments(await connect_named(data_converter(settings), profile), name)


def _print_routing(console: Console, *, routed: bool) -> None:
    if not routed:
        console.print("Not all task queues know it yet; they soon will.", style="yellow")


def _named(build_id: str | None) -> str:
    return f"The version {build_id}" if build_id else "The workers without a version"


def _table(found: Deployment) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("version", "state", "workers", "batches"):
        table.add_column(title)
    for version in found.versions:
        state = str(version.status)
        if version.percentage:
            state += f" {version.percentage:g}%"
        table.add_row(Text(version.build_id), state, f"{version.workers:,}", f"{version.batches:,}")
    if found.unversioned_workers:
        table.add_row(Text("(none)"), "unversioned", f"{found.unversioned_workers:,}", "")
    return table
