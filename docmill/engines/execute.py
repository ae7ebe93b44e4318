"""One task from file to result files: what a child process does, without being one."""

import time
from collections.abc import Callable, Mapping

from docmill.engines.attachments import write_beside
from docmill.engines.base import EngineReport, EngineTask
from docmill.engines.classify.base import CLASSIFY
from docmill.engines.classify.execute import classify_document
from docmill.engines.extract.base import EXTRACT
from docmill.engines.extract.execute import extract_fields
from docmill.engines.parsing import Watcher, parsed
from docmill.engines.registry import PARSE, Registry
from docmill.engines.shaping import shape
from docmill.engines.slices import UnfinishedError
from docmill.engines.writing import write_parsed, write_result, write_slice
from docmill.errors import FailureClass, ItemFailure


def run_task(task: EngineTask, registry: Registry, watcher: Watcher) -> EngineReport:
    """Run ``task`` and leave ``result.json``, and what else its product has, in its output folder.

    A run that reads a slice of a document leaves `docmill.engines.slices.SLICE_FILE` instead, and
    its report says so. Files count only once this returns: what a killed run left behind is to be
    thrown away.

    Args:
        task: what to do.
        registry: the engines to choose from.
        watcher: told what is known before the work is done.

    Raises:
        ItemFailure: with the class that fits; other exceptions are the engine's own trouble.
        UsageError: the parameters cannot be read.
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
    result, document = parsed(task, task.parameters, registry, watcher)
    total = time.perf_counter() - began
    if task.parts:  # the runs that read them have taken their time, too
        total += sum(result.timings.values())
    timings = result.timings | {"total": round(total, 3)}
    told = result.model_copy(update={"timings": timings})
    return write_parsed(write_beside(shape(told, task.parameters), document, task.parameters), task)


def _classify(task: EngineTask, registry: Registry, watcher: Watcher) -> EngineReport:
    return write_result(classify_document(task, registry, watcher), task)


def _extract(task: EngineTask, registry: Registry, watcher: Watcher) -> EngineReport:
    return write_result(extract_fields(task, registry, watcher), task)


_PRODUCTS: Mapping[str, Callable[[EngineTask, Registry, Watcher], EngineReport]] = {
    PARSE: _parse,
    CLASSIFY: _classify,
    EXTRACT: _extract,
}
