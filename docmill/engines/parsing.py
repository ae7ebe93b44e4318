"""A document read by the parse engine that fits it: the first half of every local product."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from docmill.engines.accounting import account
from docmill.engines.base import Document, Engine, EngineTask, ParseResult
from docmill.engines.detect import detect
from docmill.engines.parameters import ParseRequest, not_honoured
from docmill.engines.registry import PARSE, Registry
from docmill.errors import FailureClass, ItemFailure

Chosen = Callable[[Engine], None]
"""Told which engine gets the file, before it does: a crash can then be put down to it."""


def parsed(
    task: EngineTask, parameters: dict[str, Any], registry: Registry, chosen: Chosen | None = None
) -> ParseResult:
    """Detect the content, run the engine that reads it, and account for every page.

    Args:
        task: the document, and its limits.
        parameters: in the vocabulary of ``parse_v2``, whatever the task's product is.
        registry: the engines to choose from.
        chosen: see `Chosen`.

    Raises:
        ItemFailure: with the class that fits; other exceptions are the engine's own trouble.
        UsageError: the parameters cannot be read.
    """
    path = Path(task.document)
    request = ParseRequest.read(parameters)
    detection = detect(path, task.name)
    engine = registry.engine_for(PARSE, detection.media_type)
    if chosen is not None:
        chosen(engine)
    document = Document(path, task.name, detection.media_type)
    found = engine.run(document, parameters, task.limits)
    if not isinstance(found, ParseResult):
        raise ItemFailure(
            FailureClass.ENGINE_ERROR, f"The engine {engine.name} returned no parse result."
        )
    result = account(found, request.pages, request.allowed_failure_ratio, task.limits)
    warnings = [
        *detection.warnings,
        *request.warnings,
        *not_honoured(parameters, engine, detection.media_type),
        *result.warnings,
    ]
    return result.model_copy(update={"warnings": warnings})
