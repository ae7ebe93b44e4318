"""One task from file to result files: what a child process does, without being one."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from docmill.engines.base import EngineReport, EngineTask, ParseResult
from docmill.engines.beside import hashes_of, write_beside
from docmill.engines.classify.base import CLASSIFY, ClassifyResult
from docmill.engines.classify.running import classified
from docmill.engines.extract.base import EXTRACT, ExtractResult
from docmill.engines.extract.running import extracted
from docmill.engines.parsing import Watcher, parsed
from docmill.engines.registry import PARSE, Registry
from docmill.engines.shaping import shape
from docmill.errors import FailureClass, ItemFailure

RESULT_FILE = "result.json"
MARKDOWN_FILE = "document.md"
PAGE_BREAK = "\n\n---\n\n"
"""Between the pages of `MARKDOWN_FILE`; LlamaParse's default."""


def run_task(task: EngineTask, registry: Registry, watcher: Watcher) -> EngineReport:
    """Run ``task`` and leave `RESULT_FILE`, and what else its product has, in its output folder.

    The files count only once this returns: what a killed run left behind is to be thrown away.

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
    return run(task, registry, watcher)


def _parse(task: EngineTask, registry: Registry, watcher: Watcher) -> EngineReport:
    began = time.perf_counter()
    result, document = parsed(task, task.parameters, registry, watcher)
    timings = result.timings | {"total": round(time.perf_counter() - began, 3)}
    told = result.model_copy(update={"timings": timings})
    complete = write_beside(shape(told, task.parameters), document, task.parameters)
    folder = Path(task.output_dir)
    pages = ((page.page_number, page.markdown) for page in complete.pages)
    markdown = complete.joining.join(pages, PAGE_BREAK)
    (folder / MARKDOWN_FILE).write_text(markdown, encoding="utf-8", newline="")
    names = {MARKDOWN_FILE, *complete.files, *(image.filename for image in complete.images)}
    return write_result(complete.model_copy(update={"files": hashes_of(folder, names)}), task)


def _classify(task: EngineTask, registry: Registry, watcher: Watcher) -> EngineReport:
    return write_result(classified(task, registry, watcher), task)


def _extract(task: EngineTask, registry: Registry, watcher: Watcher) -> EngineReport:
    return write_result(extracted(task, registry, watcher), task)


def write_result(
    result: ParseResult | ClassifyResult | ExtractResult, task: EngineTask
) -> EngineReport:
    """Write `RESULT_FILE` of ``task``; the files that it names are there already."""
    path = Path(task.output_dir) / RESULT_FILE
    path.write_text(result.model_dump_json(), encoding="utf-8")
    return EngineReport(
        engine=result.engine,
        engine_version=result.engine_version,
        media_type=result.media_type,
        pages_total=result.pages_total,
        pages_ok=result.pages_ok,
        pages_failed=result.pages_failed,
        partial=result.partial,
        warnings=result.warnings,
        files=[RESULT_FILE, *result.files],
        usage=getattr(result, "usage", {}),
    )


_PRODUCTS: Mapping[str, Callable[[EngineTask, Registry, Watcher], EngineReport]] = {
    PARSE: _parse,
    CLASSIFY: _classify,
    EXTRACT: _extract,
}
