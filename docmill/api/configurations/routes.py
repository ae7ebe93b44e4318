"""Routes of configurations; the built-in presets are read only."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from docmill.api.configurations.schemas import (
    ConfigurationCreate,
    ConfigurationUpdate,
    ConfigurationView,
    Parameters,
    ProductType,
)
from docmill.api.core.errors import FieldError
from docmill.api.core.pagination import decode_token, page
from docmill.api.core.scope import CurrentScope
from docmill.api.core.services import CurrentServices
from docmill.api.core.wire import CursorPage, PageSize, Text, page_limit
from docmill.api.jobs.configurations import find_configuration
from docmill.api.webhooks.targets import check_webhooks
from docmill.contracts.words import JobType
from docmill.errors import ConflictError, NotFoundError
from docmill.parameters import effective_parameters, job_parameters
from docmill.records.configurations import Configurations, preset

router = APIRouter(prefix="/api/v1/beta/configurations", tags=["configurations"])

_CHECKED = {f"{job_type}_v2": job_type for job_type in JobType}
"""Products whose parameters Docmill validates; those of other products are stored unchanged."""


async def _checked(
    services: CurrentServices, scope: CurrentScope, parameters: Parameters
) -> dict[str, Any]:
    """Check that jobs can be created with these parameters, and return them unchanged.

    Raises:
        UsageError: a key or value is invalid for the product, or a webhook cannot be delivered.
        NotFoundError: a stored webhook does not exist in this project.
    """
    await check_webhooks(
        services,
        scope,
        parameters.webhook_configuration_ids or (),
        parameters.webhook_configurations or (),
        "body",
        "parameters",
    )
    given = parameters.model_dump(exclude_unset=True)
    product = _CHECKED.get(parameters.product_type)
    if product is not None:
        used = effective_parameters(product, job_parameters(given))
        await _check_parse_configuration(services, scope, used.get("parse_config_id"))
    return given


async def _check_parse_configuration(
    services: CurrentServices, scope: CurrentScope, configuration_id: str | None
) -> None:
    """Check the parse configuration that an extract configuration names, if any.

    Raises:
        FieldError: it does not exist, or it belongs to another product.
    """
    if configuration_id is None:
        return
    loc = ("body", "parameters", "parse_config_id")
    try:
        async with services.database.read() as session:
            found = await find_configuration(session, scope.project_id, configuration_id)
    except NotFoundError as error:
        raise FieldError(error.message, *loc, hint=error.hint) from None
    if found.product_type != "parse_v2":
        raise FieldError(f"{configuration_id} configures {found.product_type}.", *loc)


@router.post("", status_code=201)
async def upsert_configuration(
    services: CurrentServices, scope: CurrentScope, body: ConfigurationCreate
) -> ConfigurationView:
    """Create a configuration, or a new version of the one with the same name and product."""
    parameters = await _checked(services, scope, body.parameters)
    async with services.database.write() as session:
        row = await Configurations(session).upsert(
            scope.project_id, body.name, body.parameters.product_type, parameters
        )
        return ConfigurationView.model_validate(row)


@router.get("")
async def list_configurations(
    services: CurrentServices,
    scope: CurrentScope,
    *,
    product_type: Annotated[list[ProductType] | None, Query()] = None,
    name: Annotated[Text | None, Query()] = None,
    _: Annotated[
        bool,
        Query(
            alias="latest_only", description="Has no effect: lists have only the latest versions."
        ),
    ] = False,
    page_size: Annotated[PageSize, Query()] = None,
    page_token: Annotated[Text | None, Query()] = None,
) -> CursorPage[ConfigurationView]:
    """List saved configurations in their latest versions, newest first."""
    filters: dict[str, Any] = {"name": name, "product_types": product_type}
    async with services.database.read() as session:
        found = await Configurations(session).list(
            scope.project_id,
            limit=page_limit(page_size),
            cursor=decode_token(page_token, scope.project_id, filters),
            **filters,
        )
    return page(found, ConfigurationView.model_validate, scope.project_id, filters)


@router.get("/{config_id}")
async def get_configuration(
    services: CurrentServices, scope: CurrentScope, config_id: str
) -> ConfigurationView:
    """Return the latest version of a configuration, or a preset."""
    async with services.database.read() as session:
        found = await find_configuration(session, scope.project_id, config_id)
    return ConfigurationView.model_validate(found)


@router.put("/{config_id}")
async def update_configuration(
    services: CurrentServices, scope: CurrentScope, config_id: str, body: ConfigurationUpdate
) -> ConfigurationView:
    """Change the name or the parameters; this creates a new version under the same id."""
    _reject_preset(config_id)
    parameters = None
    if body.parameters is not None:
        parameters = await _checked(services, scope, body.parameters)
    async with services.database.write() as session:
        configurations = Configurations(session)
        if body.parameters is not None:
            known = await configurations.get(scope.project_id, config_id)
            if known.product_type != body.parameters.product_type:
                raise ConflictError(
                    f"{config_id} configures {known.product_type}.",
                    "Create a new configuration for another product.",
                )
        row = await configurations.update(
            scope.project_id,
            config_id,
            name=body.name,
            parameters=parameters,
        )
        return ConfigurationView.model_validate(row)


@router.delete("/{config_id}", status_code=204)
async def delete_configuration(
    services: CurrentServices, scope: CurrentScope, config_id: str
) -> None:
    """Delete a configuration with its versions; existing batches keep their parameters."""
    _reject_preset(config_id)
    async with services.database.write() as session:
        await Configurations(session).delete(scope.project_id, config_id)


def _reject_preset(config_id: str) -> None:
    if preset(config_id) is not None:
        raise ConflictError(
            f"{config_id} is built in and cannot be changed.", "Create a configuration of your own."
        )
