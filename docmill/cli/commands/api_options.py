"""Options of the commands that speak through the HTTP API, as LlamaCloud's own CLI has them."""

from typing import Annotated

import typer

ApiKey = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="Also LLAMA_CLOUD_API_KEY. Any, while no keys are set up."),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Of the API. Also LLAMA_CLOUD_BASE_URL. Default: this machine."
    ),
]
OrganizationId = Annotated[str | None, typer.Option(metavar="ID")]
ProjectId = Annotated[str | None, typer.Option(metavar="ID")]
Namespace = Annotated[
    str | None, typer.Option(metavar="NAME", help="Temporal namespace; must be allowed there.")
]
