"""v1 batches through the HTTP API: beta:batch create, list, get-status, cancel."""

from typing import Annotated

import typer

from docmill.cli.api_calls import (
    ApiKey,
    BaseUrl,
    Namespace,
    OrganizationId,
    ProjectId,
    below,
    call,
    value_of,
)
from docmill.cli.options import StrictCommand, StrictOption, words_of

PATH = "/api/v1/beta/batch-processing"

group = typer.Typer(
    name="beta:batch",
    help="v1 batches through the HTTP API.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
JobId = Annotated[str, typer.Option(metavar="ID", help="The batch.")]


@group.command(cls=StrictCommand)
def create(
    *,
    job_config: Annotated[
        str,
        typer.Option(metavar="VALUE", help="'{}' parses with defaults; rules: [...] classifies."),
    ],
    organization_id: OrganizationId = None,
    project_id: ProjectId = None,
    continue_as_new_threshold: Annotated[
        int | None, typer.Option(metavar="N", help="Files of one workflow run at most.")
    ] = None,
    directory_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Directory whose files are processed.")
    ] = None,
    item_id: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="A directory file instead; may be repeated."),
    ] = None,
    page_size: Annotated[
        int | None, typer.Option(metavar="N", help="Files of one page, 1 to 1000.")
    ] = None,
    temporal_namespace: Namespace = None,
    strict: StrictOption = None,
    api_key: ApiKey = None,
    base_url: BaseUrl = None,
) -> None:
    """Create a batch and start it."""
    call(
        "POST",
        PATH,
        base_url=base_url,
        api_key=api_key,
        query={"organization_id": organization_id, "project_id": project_id},
        body={
            "job_config": value_of(job_config, "--job-config"),
            "continue_as_new_threshold": continue_as_new_threshold,
            "directory_id": directory_id,
            "item_ids": item_id,
            "page_size": page_size,
            "strict": words_of(strict),
        },
        headers={"temporal-namespace": temporal_namespace},
    )


@group.command(name="list")
def list_(
    *,
    directory_id: Annotated[str | None, typer.Option(metavar="ID")] = None,
    job_type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="parse, extract or classify.")
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N")] = None,
    offset: Annotated[int | None, typer.Option(metavar="N")] = None,
    organization_id: OrganizationId = None,
    project_id: ProjectId = None,
    status: Annotated[str | None, typer.Option(metavar="STATUS", help="running, failed …")] = None,
    api_key: ApiKey = None,
    base_url: BaseUrl = None,
) -> None:
    """List batches, newest first."""
    call(
        "GET",
        PATH,
        base_url=base_url,
        api_key=api_key,
        query={
            "directory_id": directory_id,
            "job_type": job_type,
            "limit": limit,
            "offset": offset,
            "organization_id": organization_id,
            "project_id": project_id,
            "status": status,
        },
    )


@group.command()
def get_status(
    *,
    job_id: JobId,
    organization_id: OrganizationId = None,
    project_id: ProjectId = None,
    api_key: ApiKey = None,
    base_url: BaseUrl = None,
) -> None:
    """Show one batch and how far it is."""
    call(
        "GET",
        below(PATH, job_id),
        base_url=base_url,
        api_key=api_key,
        query={"organization_id": organization_id, "project_id": project_id},
    )


@group.command()
def cancel(
    *,
    job_id: JobId,
    reason: Annotated[str | None, typer.Option(metavar="TEXT")] = None,
    organization_id: OrganizationId = None,
    project_id: ProjectId = None,
    temporal_namespace: Namespace = None,
    api_key: ApiKey = None,
    base_url: BaseUrl = None,
) -> None:
    """Ask a batch to stop."""
    call(
        "POST",
        f"{below(PATH, job_id)}/cancel",
        base_url=base_url,
        api_key=api_key,
        query={"organization_id": organization_id, "project_id": project_id},
        body={"reason": reason},
        headers={"temporal-namespace": temporal_namespace},
    )
