"""Execution of one engine task, from the input file to the result files."""

import time
from collections.abc import Callable, Mapping

from docmill.engines.attachments import write_attachments
from docmill.engines.base import EngineReport, EngineTask
from docmill.engines.classify.base import CLASSIFY
from docmill.engines.classify.execute import classify_document
from docmill.engines.extract.base import EXTRACT
from docmill.engines.extract.execute import extract_fields
from docmill.engines.output_files import write_parsed, write_result, write_slice
from docmill.engines.parse import Watcher, parse_document
from docmill.engines.postprocessing import shape
from docmill.engines.registry import PARSE, Registry
from docmill.engines.slices import UnfinishedError
from docmill.errors import FailureClass, ItemFailure


def run_task(task: EngineTask, registry: Registry, watcher: Watcher) -> EngineReport:
    """Run ``task``, and write ``result.json`` and the other files to its output folder.

    A run for a slice of a document writes `docmill.engines.slices.SLICE_FILE` instead, and its
    report says so. The files are valid only after this function returns; files of a killed run are
    discarded.

    Args:
        task: the task.
        registry: the available engines.
        watcher: callbacks for facts that are known before the end.

    Raises:
        ItemFailure: with a failure class; other exceptions are errors of the engine.
        UsageError: the parameters are invalid.
    """
    run = _PRODUCTS.get(task.product)
    if run is None:
        raise ItemFailure(FailureClass.UNSUPPORTED_TYPE, f"No engine can {task.product} files.")
    try:
        return run(task, registry, watcher)
    except UnfinishedError as unfinished:
        return write_slice(unfinished, task)


def _parse(task: EngineTask, registry: Registry, watcher: Watcher) -> EngineReport:
    began = time.perf_counter()
    result, document = parse_document(task, task.parameters, registry, watcher)
    total = time.perf_counter() - began
    if task.parts:  # add the time of the runs that read the slices
        total += sum(result.timings.values())
    timings = result.timings | {"total": round(total, 3)}
    reported = result.model_copy(update={"timings": timings})
    return write_parsed(
        write_attachments(shape(reported, task.parameters), document, task.parameters), task
    )


def _classify(task: EngineTask, registry: Registry, watcher: Watcher) -> EngineReport:
    return write_result(classify_document(task, registry, watcher), task)


def _extract(task: EngineTask, registry: Registry, watcher: Watcher) -> EngineReport:
    return write_result(extract_fields(task, registry, watcher), task)


_PRODUCTS: Mapping[str, Callable[[EngineTask, Registry, Watcher], EngineReport]] = {
    PARSE: _parse,
    CLASSIFY: _classify,
    EXTRACT: _extract,
}
