"""The parameters that a saved configuration or a preset stands for."""

from typing import Any, Protocol

from pydantic import BaseModel

from docmill.api.errors import FieldError
from docmill.api.scope import Scope
from docmill.api.services import Services
from docmill.contracts import JobType
from docmill.parameters import effective_parameters, job_parameters
from docmill.records.configurations import Configurations
from docmill.records.presets import preset
from docmill.records.tables import Configuration


class Configured(Protocol):
    """A request that gives its parameters, or names a configuration that has them."""

    @property
    def configuration(self) -> BaseModel | None:
        """The parameters."""

    @property
    def configuration_id(self) -> str | None:
        """Of a saved configuration."""


async def parameters_of(
    services: Services, scope: Scope, job_type: JobType, body: Configured
) -> dict[str, Any]:
    """Return the effective parameters that a request gives, or names by a configuration.

    Raises:
        NotFoundError: there is no such configuration.
        UsageError: it configures another product.
    """
    if body.configuration is not None:
        given = body.configuration.model_dump(mode="json", exclude_none=True)
    else:
        product = f"{job_type}_v2"
        given = await configured_parameters(
            services, scope, body.configuration_id or "", product, "body"
        )
    return effective_parameters(job_type, given)


async def find_configuration(
    services: Services, scope: Scope, configuration_id: str
) -> Configuration:
    """Return a preset or a saved configuration of the project.

    Raises:
        NotFoundError: there is neither with this id.
    """
    found = preset(configuration_id)
    if found is not None:
        return found
    async with services.database.read() as session:
        return await Configurations(session).get(scope.project_id, configuration_id)


async def configured_parameters(
    services: Services, scope: Scope, configuration_id: str, product: str, *loc: str
) -> dict[str, Any]:
    """Return the parameters of a configuration of ``product``.

    Args:
        services: where saved configurations are.
        scope: whose they are.
        configuration_id: which one.
        product: ``parse_v2`` …
        loc: where the request names the configuration, for the error.

    Raises:
        NotFoundError: there is none with this id.
        FieldError: it belongs to another product.
    """
    found = await find_configuration(services, scope, configuration_id)
    if found.product_type != product:
        raise FieldError(
            f"{configuration_id} configures {found.product_type}, not {product}.",
            *loc,
            "configuration_id",
        )
    return job_parameters(found.parameters)
