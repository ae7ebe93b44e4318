"""A document read by the parse engine that fits it: the first half of every local product."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docmill.contracts.scans import is_half_download, is_lock
from docmill.engines.accounting import account
from docmill.engines.base import CountsPages, Document, Engine, EngineTask, ParseResult
from docmill.engines.detect import detect
from docmill.engines.parameters import ParseRequest, not_honoured, time_cut
from docmill.engines.registry import PARSE, Registry
from docmill.engines.slices import ReadsSlices, SlicePart, UnfinishedError, load_parts
from docmill.errors import FailureClass, ItemFailure

_UNREADABLE = frozenset(
    {FailureClass.CORRUPT, FailureClass.ENGINE_ERROR, FailureClass.UNSUPPORTED_TYPE}
)


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who is told what is known before the work is done.

    Attributes:
        chosen: told which engine gets the file: a crash can then be put down to it.
        counted: told how many pages were asked for, where time is given by the page, and on how
            many of them text is recognised.
    """

    chosen: Callable[[Engine], None] = lambda _engine: None
    counted: Callable[[int, int], None] = lambda _pages, _ocr_pages: None


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
        UnfinishedError: the task was to read a slice, or the document is to be read in slices.
    """
    _refuse_lock(task)
    try:
        return _parsed(task, parameters, registry, watcher)
    except ItemFailure as failure:
        raise _as_half_download(failure, task.name) from None


def _parsed(
    task: EngineTask, parameters: dict[str, Any], registry: Registry, watcher: Watcher
) -> tuple[ParseResult, Document]:
    path = Path(task.document)
    request = ParseRequest.read(parameters)
    detection = detect(path, task.name, registry.extensions)
    engine = registry.engine_for(PARSE, detection.media_type)
    watcher.chosen(engine)
    output = Path(task.output_dir)
    document = Document(path, task.name, detection.media_type, output, watcher.counted)
    if _is_counted(document, task) and isinstance(engine, CountsPages):
        pages = request.pages.of(engine.count_pages(document), task.limits.pages)
        watcher.counted(len(pages), 0)
    found = _run(engine, document, parameters, task)
    result = account(found, request.pages, request.allowed_failure_ratio, task.limits)
    warnings = [
        *request.warnings,
        *not_honoured(parameters, engine, detection.media_type),
        *time_cut(parameters, task.limits),
        *result.warnings,
    ]
    return result.model_copy(update={"warnings": warnings}), document


def _is_counted(document: Document, task: EngineTask) -> bool:
    """Whether a file's time depends on its pages so much that they are counted beforehand."""
    if task.slice or task.parts or not task.limits.seconds_per_page:
        return False
    return document.path.stat().st_size >= task.limits.count_from_bytes


def _run(
    engine: Engine, document: Document, parameters: dict[str, Any], task: EngineTask
) -> ParseResult:
    if isinstance(engine, ReadsSlices):
        found = _in_slices(engine, document, parameters, task)
        if isinstance(found, SlicePart):
            identity = (engine.name, engine.version)
            raise UnfinishedError(found, identity, document.media_type)
    else:
        found = engine.run(document, parameters, task.limits)
    if not isinstance(found, ParseResult):
        raise ItemFailure(
            FailureClass.ENGINE_ERROR, f"The engine {engine.name} returned no parse result."
        )
    return found


def _in_slices(
    engine: ReadsSlices, document: Document, parameters: dict[str, Any], task: EngineTask
) -> ParseResult | SlicePart:
    if task.slice is not None:
        return engine.read_slice(document, parameters, task.limits, task.slice)
    if task.parts:
        return engine.join(document, parameters, task.limits, load_parts(task.parts))
    return engine.begin(document, parameters, task.limits)


def _refuse_lock(task: EngineTask) -> None:
    """Say of a lock file what it is: it has a document's name, and bytes of no document."""
    if is_lock(task.name, Path(task.document).stat().st_size):
        raise ItemFailure(
            FailureClass.UNSUPPORTED_TYPE,
            "This is the lock file that an office program keeps beside an open document.",
        )


def _as_half_download(failure: ItemFailure, name: str) -> ItemFailure:
    """Return the reason that is true when what cannot be read is named like a half download."""
    if failure.failure_class in _UNREADABLE and is_half_download(name):
        return ItemFailure(
            FailureClass.UNSUPPORTED_TYPE,
            "By its name this is a download that was not completed, and it cannot be read.",
        )
    return failure
