"""A document read by the parse engine that fits it: the first half of every local product."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docmill.engines.accounting import account
from docmill.engines.base import CountsPages, Document, Engine, EngineTask, ParseResult
from docmill.engines.detect import detect
from docmill.engines.parameters import ParseRequest, not_honoured, time_cut
from docmill.engines.registry import PARSE, Registry
from docmill.errors import FailureClass, ItemFailure


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who is told what is known before the work is done.

    Attributes:
        chosen: told which engine gets the file: a crash can then be put down to it.
        counted: told how many pages were asked for, where time is given by the page.
    """

    chosen: Callable[[Engine], None] = lambda _engine: None
    counted: Callable[[int], None] = lambda _pages: None


def parsed(
    task: EngineTask, parameters: dict[str, Any], registry: Registry, watcher: Watcher
) -> tuple[ParseResult, Document]:
    """Detect the content, run the engine that reads it, and account for every page.

    Args:
        task: the document, and its limits.
        parameters: in the vocabulary of ``parse_v2``, whatever the task's product is.
        registry: the engines to choose from.
        watcher: told what is known before the work is done.

    Raises:
        ItemFailure: with the class that fits; other exceptions are the engine's own trouble.
        UsageError: the parameters cannot be read.
    """
    path = Path(task.document)
    request = ParseRequest.read(parameters)
    detection = detect(path, task.name, registry.extensions)
    engine = registry.engine_for(PARSE, detection.media_type)
    watcher.chosen(engine)
    document = Document(path, task.name, detection.media_type, Path(task.output_dir))
    if task.limits.seconds_per_page and isinstance(engine, CountsPages):
        pages = request.pages.of(engine.count_pages(document), task.limits.pages)
        watcher.counted(len(pages))
    found = _run(engine, document, parameters, task)
    result = account(found, request.pages, request.allowed_failure_ratio, task.limits)
    warnings = [
        *request.warnings,
        *not_honoured(parameters, engine, detection.media_type),
        *time_cut(parameters, task.limits),
        *result.warnings,
    ]
    return result.model_copy(update={"warnings": warnings}), document


def _run(
    engine: Engine, document: Document, parameters: dict[str, Any], task: EngineTask
) -> ParseResult:
    found = engine.run(document, parameters, task.limits)
    if not isinstance(found, ParseResult):
        raise ItemFailure(
            FailureClass.ENGINE_ERROR, f"The engine {engine.name} returned no parse result."
        )
    return found
