"""Selection of the engine of a batch: by the job's parameters, otherwise by the settings."""

from collections.abc import Callable, Mapping
from typing import Any

from docmill.contracts.names import LOCAL_ENGINES_QUEUE, REMOTE_ENGINES_QUEUE
from docmill.contracts.words import JobType
from docmill.errors import UsageError
from docmill.settings import Settings

LOCAL = "local"
"""The parse engines of this installation, selected by media type."""
BASIC = "basic"
"""Classifies or extracts in a child process, without a model."""
LLM = "llm"
"""An OpenAI-compatible endpoint."""
LLAMACLOUD = "llamacloud"

LOCAL_ENGINES = frozenset({LOCAL, BASIC})
"""Engines that need no endpoint."""

_MISSING: Mapping[str, tuple[Callable[[Settings], bool], str, str]] = {
    LLM: (
        lambda settings: bool(settings.llm_base_url and settings.llm_model),
        "No LLM endpoint is configured.",
        "Set DOCMILL_LLM_BASE_URL and DOCMILL_LLM_MODEL (and DOCMILL_LLM_API_KEY, if it has one).",
    ),
    LLAMACLOUD: (
        lambda settings: bool(settings.llamacloud_api_key.get_secret_value()),
        "LlamaCloud is not configured as an engine.",
        "Set DOCMILL_LLAMACLOUD_API_KEY.",
    ),
}
"""For each remote engine: whether it is configured, and the error and hint if it is not."""


def configured(settings: Settings) -> tuple[str, ...]:
    """Return the names of the remote engines that ``settings`` configure."""
    return tuple(name for name, (is_there, _, _) in _MISSING.items() if is_there(settings))


def engine_of(job_type: JobType, parameters: Mapping[str, Any], settings: Settings) -> str:
    """Return the name of the engine that runs a job.

    Args:
        job_type: the product.
        parameters: parameters of the job; ``engine`` overrides the settings.
        settings: settings of the process that creates the batch; its workers need the same
            endpoints.

    Raises:
        UsageError: the requested engine is not configured, or no engine is.
    """
    name = parameters.get("engine") or _by_settings(job_type, settings)
    if name in _MISSING and name not in configured(settings):
        _, trouble, hint = _MISSING[name]
        raise UsageError(trouble, hint)
    return str(name)


def engine_queue(engine: str) -> str:
    """Return the task queue that runs the items of ``engine``."""
    return LOCAL_ENGINES_QUEUE if engine in LOCAL_ENGINES else REMOTE_ENGINES_QUEUE


def _by_settings(job_type: JobType, settings: Settings) -> str:
    there = configured(settings)
    match job_type:
        case JobType.PARSE:
            return settings.parse_engine
        case JobType.CLASSIFY:
            return settings.classify_engine or (LLM if LLM in there else BASIC)
        case JobType.EXTRACT:
            if name := settings.extract_engine or (there[0] if there else ""):
                return name
            raise UsageError(
                "No engine for extract is configured.",
                "Set DOCMILL_LLM_BASE_URL and DOCMILL_LLM_MODEL, or DOCMILL_LLAMACLOUD_API_KEY; "
                "or select the engine basic explicitly: it only finds values next to their labels.",
            )
