"""Parameters of jobs, one module per product, with LlamaCloud's names.

One model serves the command line, the HTTP API and plain Temporal clients. Parameters are stored
and returned, so they contain no secrets.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from docmill.contracts.words import JobType
from docmill.errors import UsageError
from docmill.parameters.classify import ClassifyParameters
from docmill.parameters.extract import ExtractParameters
from docmill.parameters.parse import ParseParameters

MODELS: Mapping[JobType, type[BaseModel]] = {
    JobType.PARSE: ParseParameters,
    JobType.CLASSIFY: ClassifyParameters,
    JobType.EXTRACT: ExtractParameters,
}
"""The products, with the models of their parameters."""

NOT_IN_RESULT = frozenset({"disable_cache", "client_name", "engine"})
"""Parameters that are not part of a result's cache key: they do not affect the result. The engine
is in the key in another form."""


CONFIGURATION_ONLY = frozenset(
    {"product_type", "webhook_configuration_ids", "webhook_configurations"}
)
"""Fields of a saved configuration that are not parameters of its jobs."""


def job_parameters(configured: Mapping[str, Any]) -> dict[str, Any]:
    """Return the job parameters in a saved configuration."""
    return {key: value for key, value in configured.items() if key not in CONFIGURATION_ONLY}


def effective_parameters(job_type: JobType, parameters: dict[str, Any]) -> dict[str, Any]:
    """Validate ``parameters``, and return them with defaults and without nulls.

    Args:
        job_type: the product.
        parameters: from the user; ``product_type`` is accepted and removed.

    Raises:
        UsageError: a key or value is invalid; the message names it.
    """
    model = MODELS.get(job_type)
    if model is None:
        raise UsageError(
            f"The job type {job_type} is not available.", f"Use one of {', '.join(MODELS)}."
        )
    plain = {key: value for key, value in parameters.items() if key != "product_type"}
    try:
        return model.model_validate(plain).model_dump(mode="json", exclude_none=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"The parameter {where} is wrong: {first['msg']}.",
            f"See docs/reference/llamacloud-compatibility.md for the parameters of {job_type}_v2.",
        ) from None


def parameters_hash(parameters: dict[str, Any]) -> str:
    """Return the hash of the parameters that affect a result."""
    relevant = {key: value for key, value in parameters.items() if key not in NOT_IN_RESULT}
    canonical = json.dumps(relevant, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def cache_key(job_type: str, sha256: str, parameters_sha256: str, suite_version: str) -> str:
    """Return the key of a result, unique in its project."""
    return hashlib.sha256(
        "\n".join((job_type, sha256, parameters_sha256, suite_version)).encode()
    ).hexdigest()
