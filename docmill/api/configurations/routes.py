"""Configurations: upsert, list, get, update, delete; the built-in presets are read only."""

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
from docmill.records.configurations import Configurations
from docmill.records.presets import preset

router = APIRouter(prefix="/api/v1/beta/configurations", tags=["configurations"])

_CHECKED = {f"{job_type}_v2": job_type for job_type in JobType}
"""Products whose parameters Docmill knows; those of others are stored as they come."""


async def _checked(
    services: CurrentServices, scope: CurrentScope, parameters: Parameters
) -> dict[str, Any]:
    """Return the parameters as they came, once jobs can be created with them.

    Raises:
        UsageError: the product refuses a key or value, or a webhook cannot be sent.
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
    """Check the configuration that says how an extraction's text is read, if one is named.

    Raises:
        FieldError: there is none with this id, or it belongs to another product.
    """
    if configuration_id is None:
        return
    where = ("body", "parameters", "parse_config_id")
    try:
        async with services.database.read() as session:
            found = await find_configuration(session, scope.project_id, configuration_id)
    except NotFoundError as error:
        raise FieldError(error.message, *where, hint=error.hint) from None
    if found.product_type != "parse_v2":
        raise FieldError(f"{configuration_id} configures {found.product_type}.", *where)


@router.post("", status_code=201)
async def upsert_configuration(
    services: CurrentServices, scope: CurrentScope, body: ConfigurationCreate
) -> ConfigurationView:
    """Make a configuration; one with the same name and product gets a new version instead."""
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
        bool, Query(alias="latest_only", description="Always so: a configuration keeps its id.")
    ] = False,
    page_size: Annotated[PageSize, Query()] = None,
    page_token: Annotated[Text | None, Query()] = None,
) -> CursorPage[ConfigurationView]:
    """One page of saved configurations in their newest versions, newest first."""
    filters: dict[str, Any] = {"name": name, "product_types": product_type}
    async with services.database.read() as session:
        found = await Configurations(session).list(
            scope.project_id,
            limit=page_limit(page_size),
            cursor=decode_token(page_token, filters),
            **filters,
        )
    return page(found, ConfigurationView.model_validate, filters)


@router.get("/{config_id}")
async def get_configuration(
    services: CurrentServices, scope: CurrentScope, config_id: str
) -> ConfigurationView:
    """One configuration in its newest version, or a preset."""
    async with services.database.read() as session:
        found = await find_configuration(session, scope.project_id, config_id)
    return ConfigurationView.model_validate(found)


@router.put("/{config_id}")
async def update_configuration(
    services: CurrentServices, scope: CurrentScope, config_id: str, body: ConfigurationUpdate
) -> ConfigurationView:
    """Change name or parameters, which makes a new version under the same id."""
    _refuse_preset(config_id)
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
                    "Make a new configuration for another product.",
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
    """Delete a configuration with its history; batches keep what they were created with."""
    _refuse_preset(config_id)
    async with services.database.write() as session:
        await Configurations(session).delete(scope.project_id, config_id)


def _refuse_preset(config_id: str) -> None:
    if preset(config_id) is not None:
        raise ConflictError(
            f"{config_id} is built in and cannot be changed.", "Make a configuration of your own."
        )
