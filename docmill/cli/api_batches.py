"""v2 batches through the HTTP API: batches create, list, get, cancel."""

from typing import Annotated

import typer

from docmill.cli.api_calls import ApiKey, BaseUrl, OrganizationId, ProjectId, below, call, value_of
from docmill.cli.options import StrictCommand, StrictOption, words_of

PATH = "/api/v2/batches"

group = typer.Typer(
    name="batches",
    help="v2 batches through the HTTP API.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
BatchId = Annotated[str, typer.Option(metavar="ID", help="The batch.")]


@group.command(cls=StrictCommand)
def create(
    *,
    config: Annotated[
        str,
        typer.Option(
            metavar="VALUE", help="'{job: {configuration_id: cfg-PARSE_FAST, type: parse_v2}}'"
        ),
    ],
    source_directory_id: Annotated[
        str, typer.Option(metavar="ID", help="Directory whose files are processed.")
    ],
    organization_id: OrganizationId = None,
    project_id: ProjectId = None,
    strict: StrictOption = None,
    api_key: ApiKey = None,
    base_url: BaseUrl = None,
) -> None:
    """Create a batch over a directory and start it."""
    call(
        "POST",
        PATH,
        base_url=base_url,
        api_key=api_key,
        query={"organization_id": organization_id, "project_id": project_id},
        body={
            "config": value_of(config, "--config"),
            "source_directory_id": source_directory_id,
            "strict": words_of(strict),
        },
    )


@group.command(name="list")
def list_(
    *,
    created_at_on_or_after: Annotated[str | None, typer.Option(metavar="TIME")] = None,
    created_at_on_or_before: Annotated[str | None, typer.Option(metavar="TIME")] = None,
    organization_id: OrganizationId = None,
    page_size: Annotated[int | None, typer.Option(metavar="N")] = None,
    page_token: Annotated[
        str | None, typer.Option(metavar="TOKEN", help="next_page_token of the page before.")
    ] = None,
    project_id: ProjectId = None,
    source_directory_id: Annotated[str | None, typer.Option(metavar="ID")] = None,
    status: Annotated[str | None, typer.Option(metavar="STATUS", help="RUNNING, FAILED …")] = None,
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
            "created_at_on_or_after": created_at_on_or_after,
            "created_at_on_or_before": created_at_on_or_before,
            "organization_id": organization_id,
            "page_size": page_size,
            "page_token": page_token,
            "project_id": project_id,
            "source_directory_id": source_directory_id,
            "status": status,
        },
    )


@group.command()
def get(
    *,
    batch_id: BatchId,
    expand: Annotated[
        list[str] | None, typer.Option(metavar="FIELD", help="results; may be repeated.")
    ] = None,
    organization_id: OrganizationId = None,
    project_id: ProjectId = None,
    api_key: ApiKey = None,
    base_url: BaseUrl = None,
) -> None:
    """Show one batch."""
    call(
        "GET",
        below(PATH, batch_id),
        base_url=base_url,
        api_key=api_key,
        query={
            "expand": expand,
            "organization_id": organization_id,
            "project_id": project_id,
        },
    )


@group.command()
def cancel(
    *,
    batch_id: BatchId,
    organization_id: OrganizationId = None,
    project_id: ProjectId = None,
    api_key: ApiKey = None,
    base_url: BaseUrl = None,
) -> None:
    """Ask a batch to stop."""
    call(
        "POST",
        f"{below(PATH, batch_id)}/cancel",
        base_url=base_url,
        api_key=api_key,
        query={"organization_id": organization_id, "project_id": project_id},
    )
