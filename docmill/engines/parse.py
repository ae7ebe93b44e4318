"""Parsing of a document by the engine for its media type: the first step of every product."""

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
    """Callbacks for facts that are known before the end of a run.

    Attributes:
        chosen: called with the selected engine, so that a crash can be attributed to it.
        counted: called with the number of requested pages, and of those with text recognition, if
            the time limit depends on them.
    """

    chosen: Callable[[Engine], None] = lambda _engine: None
    counted: Callable[[int, int], None] = lambda _pages, _ocr_pages: None


def parse_document(
    task: EngineTask, parameters: dict[str, Any], registry: Registry, watcher: Watcher
) -> tuple[ParseResult, Document]:
    """Detect the media type, run the engine for it, and account for every page.

    Args:
        task: the document and its limits.
        parameters: parameters in the vocabulary of ``parse_v2``, for every product.
        registry: the available engines.
        watcher: callbacks for facts that are known before the end.

    Raises:
        ItemFailure: with a failure class; other exceptions are errors of the engine.
        UsageError: the parameters are invalid.
        UnfinishedError: the task was to read a slice, or the document has to be read in slices.
    """
    _reject_lock_file(task)
    try:
        return _parse_document(task, parameters, registry, watcher)
    except ItemFailure as failure:
        raise _as_incomplete_download(failure, task.name) from None


def _parse_document(
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
    """Return whether to count the pages of a file first, as its time limit depends on them."""
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


def _reject_lock_file(task: EngineTask) -> None:
    """Reject lock files of office programs, which have a document's name but other content."""
    if is_lock(task.name, Path(task.document).stat().st_size):
        raise ItemFailure(
            FailureClass.UNSUPPORTED_TYPE,
            "This is the lock file that an office program creates next to an open document.",
        )


def _as_incomplete_download(failure: ItemFailure, name: str) -> ItemFailure:
    """Return the failure of an unreadable file, with a reason if it is an incomplete download."""
    if failure.failure_class in _UNREADABLE and is_half_download(name):
        return ItemFailure(
            FailureClass.UNSUPPORTED_TYPE,
            "The name is that of a download that was not completed, and the file cannot be read.",
        )
    return failure
