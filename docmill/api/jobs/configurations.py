"""Lookup of saved configurations and presets, and of the parameters in a request."""

from typing import Any, Protocol

from pydantic import BaseModel

from docmill.api.core.errors import FieldError
from docmill.contracts.words import JobType
from docmill.parameters import effective_parameters, job_parameters
from docmill.records.configurations import Configurations, preset
from docmill.records.database import Session
from docmill.records.tables.sources import Configuration


class Configured(Protocol):
    """A request with either parameters or the id of a saved configuration."""

    @property
    def configuration(self) -> BaseModel | None:
        """The parameters."""

    @property
    def configuration_id(self) -> str | None:
        """The id of a saved configuration."""


async def find_configuration(
    session: Session, project_id: str, configuration_id: str
) -> Configuration:
    """Return a preset or a saved configuration of the project.

    Raises:
        NotFoundError: neither exists with this id.
    """
    found = preset(configuration_id)
    if found is not None:
        return found
    return await Configurations(session).get(project_id, configuration_id)


async def configuration_of(
    session: Session, project_id: str, configuration_id: str, product: str, *loc: str
) -> Configuration:
    """Return a configuration of ``product``.

    Args:
        session: of the database.
        project_id: the project of saved configurations.
        configuration_id: which configuration.
        product: ``parse_v2`` …
        loc: location of the configuration in the request, for the error.

    Raises:
        NotFoundError: none exists with this id.
        FieldError: it belongs to another product.
    """
    found = await find_configuration(session, project_id, configuration_id)
    if found.product_type != product:
        raise FieldError(
            f"{configuration_id} configures {found.product_type}, not {product}.",
            *loc,
            "configuration_id",
        )
    return found


async def configured(
    session: Session, project_id: str, job_type: JobType, body: Configured
) -> tuple[dict[str, Any], Configuration | None]:
    """Return the effective parameters of a request, and the configuration that it names.

    Raises:
        NotFoundError: there is no such configuration.
        UsageError: it configures another product.
    """
    if body.configuration is not None:
        given = body.configuration.model_dump(mode="json", exclude_none=True)
        return effective_parameters(job_type, given), None
    found = await configuration_of(
        session, project_id, body.configuration_id or "", f"{job_type}_v2", "body"
    )
    return effective_parameters(job_type, job_parameters(found.parameters)), found
