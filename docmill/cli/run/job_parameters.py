"""The parameters of a run's job, from files and flags."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docmill.contracts.words import JobType
from docmill.errors import UsageError


@dataclass(frozen=True, slots=True)
class JobFlags:
    """The options that describe the job, as typed.

    Attributes:
        rules: file with the rules of a classification.
        schema: file with the schema of an extraction.
        target: of an extraction: ``per_doc``, ``per_page`` or ``per_table_row``.
        force: whether stored results are not to be used.
        config: file with any parameters of the job.
    """

    job: JobType = JobType.PARSE
    tier: str | None = None
    engine: str | None = None
    rules: Path | None = None
    schema: Path | None = None
    cite: bool = False
    confidence: bool = False
    target: str | None = None
    force: bool = False
    config: Path | None = None


def parameters_of(flags: JobFlags) -> dict[str, Any]:
    """Return the parameters as given, unchecked; flags win over the file of parameters.

    Raises:
        UsageError: a flag belongs to another job, a file cannot be read, or what the job needs
            is missing.
    """
    _check_flags(flags)
    parameters = read_parameters(flags.config) if flags.config else {}
    if flags.job is JobType.CLASSIFY:
        parameters |= _rules(flags.rules, parameters)
    if flags.job is JobType.EXTRACT:
        parameters |= _schema(flags.schema, parameters)
    named = {
        "tier": flags.tier,
        "engine": flags.engine,
        "cite_sources": flags.cite or None,
        "confidence_scores": flags.confidence or None,
        "extraction_target": flags.target,
        "disable_cache": flags.force or None,
    }
    return parameters | {name: value for name, value in named.items() if value is not None}


def read_parameters(path: Path) -> dict[str, Any]:
    """Return the parameters that a YAML or JSON file holds.

    Raises:
        UsageError: it cannot be read, or holds none.
    """
    return _mapping(path, "tier: fast")


def _check_flags(flags: JobFlags) -> None:
    """Reject flags of other jobs."""
    parse, classify, extract = JobType.PARSE, JobType.CLASSIFY, JobType.EXTRACT
    typed = {
        "--rules": (flags.rules, [classify]),
        "--schema": (flags.schema, [extract]),
        "--cite": (flags.cite, [extract]),
        "--confidence": (flags.confidence, [extract]),
        "--target": (flags.target, [extract]),
        "--tier": (flags.tier, [parse, extract]),
    }
    for flag, (value, jobs) in typed.items():
        if value and flags.job not in jobs:
            fitting = " and ".join(f"--job {job}" for job in jobs)
            raise UsageError(f"{flag} is for {fitting}.", f"Add {fitting}, or leave it out.")


def _rules(path: Path | None, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that the file of rules holds: a list of rules, or ``rules`` in it."""
    if path is None:
        if "rules" in parameters:
            return {}
        raise UsageError(
            "A classification needs rules.",
            "Name a YAML or JSON file with --rules: a list of {type, description}.",
        )
    loaded = _load(path)
    if isinstance(loaded, list):
        return {"rules": loaded}
    if not isinstance(loaded, dict) or "rules" not in loaded:
        raise UsageError(
            f"The file {path} holds no rules.",
            "Write a list of {type, description}, or one under the name rules.",
        )
    return loaded


def _schema(path: Path | None, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that the file of the schema holds: the schema, or ``data_schema``."""
    if path is None:
        if "data_schema" in parameters:
            return {}
        raise UsageError(
            "An extraction needs a schema.",
            "Name a JSON or YAML file with --schema: a JSON Schema of an object.",
        )
    loaded = _mapping(path, "type: object, and properties")
    return loaded if "data_schema" in loaded else {"data_schema": loaded}


def _mapping(path: Path, example: str) -> dict[str, Any]:
    loaded = _load(path)
    if not isinstance(loaded, dict) or not all(isinstance(key, str) for key in loaded):
        raise UsageError(
            f"The file {path} holds no parameters.",
            f"Write one `name: value` a line: {example}.",
        )
    return loaded


def _load(path: Path) -> Any:
    import yaml

    from docmill.cli.plain_yaml import load_yaml

    try:
        return load_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"The file {path} cannot be read: {error.strerror}.", "Name a YAML or JSON file."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(
            f"The file {path} is neither YAML nor JSON: {error}", "Correct the line that it names."
        ) from None
