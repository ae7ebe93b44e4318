"""One task from file to result files: what a child process does, without being one.

Order: detect the content, choose the engine, run it, account for every page, write the files.
"""

import time
from collections.abc import Callable
from pathlib import Path

from docmill.engines.accounting import account
from docmill.engines.base import (
    CountsPages,
    Document,
    Engine,
    EngineReport,
    EngineTask,
    ParseResult,
)
from docmill.engines.beside import hashes_of, write_beside
from docmill.engines.detect import detect
from docmill.engines.parameters import ParseRequest, not_honoured, time_cut
from docmill.engines.registry import Registry
from docmill.engines.shaping import shape
from docmill.errors import FailureClass, ItemFailure

RESULT_FILE = "result.json"
MARKDOWN_FILE = "document.md"
PAGE_BREAK = "\n\n---\n\n"
"""Between the pages of `MARKDOWN_FILE`; LlamaParse's default."""


def run_task(
    task: EngineTask,
    registry: Registry,
    chosen: Callable[[Engine], None] | None = None,
    counted: Callable[[int], None] | None = None,
) -> EngineReport:
    """Run ``task`` and leave `RESULT_FILE` and `MARKDOWN_FILE` in its output folder.

    The files count only once this returns: what a killed run left behind is to be thrown away.

    Args:
        task: what to do.
        registry: the engines to choose from.
        chosen: told which engine gets the file, before it does: a crash can then be put down
            to it.
        counted: told how many pages there are to work on, when time is given by the page.

    Raises:
        ItemFailure: with the class that fits; other exceptions are the engine's own trouble.
        UsageError: the parameters cannot be read.
    """
    began = time.perf_counter()
    path = Path(task.document)
    request = ParseRequest.read(task.parameters)
    detection = detect(path, task.name)
    engine = registry.engine_for(task.product, detection.media_type)
    if chosen is not None:
        chosen(engine)
    document = Document(path, task.name, detection.media_type, Path(task.output_dir))
    if counted is not None and task.limits.seconds_per_page and isinstance(engine, CountsPages):
        pages = request.pages.of(engine.count_pages(document), task.limits.pages)
        counted(len(pages))
    result = account(
        _run(engine, document, task), request.pages, request.allowed_failure_ratio, task.limits
    )
    warnings = [
        *detection.warnings,
        *request.warnings,
        *not_honoured(task.parameters, engine, detection.media_type),
        *time_cut(task.parameters, task.limits),
        *result.warnings,
    ]
    timings = result.timings | {"total": round(time.perf_counter() - began, 3)}
    told = result.model_copy(update={"warnings": warnings, "timings": timings})
    complete = write_beside(shape(told, task.parameters), document, task.parameters)
    return _write(complete, Path(task.output_dir))


def _run(engine: Engine, document: Document, task: EngineTask) -> ParseResult:
    found = engine.run(document, task.parameters, task.limits)
    if not isinstance(found, ParseResult):
        raise ItemFailure(
            FailureClass.ENGINE_ERROR, f"The engine {engine.name} returned no parse result."
        )
    return found


def _write(result: ParseResult, folder: Path) -> EngineReport:
    pages = ((page.page_number, page.markdown) for page in result.pages)
    markdown = result.joining.join(pages, PAGE_BREAK)
    (folder / MARKDOWN_FILE).write_text(markdown, encoding="utf-8", newline="")
    names = {MARKDOWN_FILE, *result.files, *(image.filename for image in result.images)}
    complete = result.model_copy(update={"files": hashes_of(folder, names)})
    (folder / RESULT_FILE).write_text(complete.model_dump_json(), encoding="utf-8")
    return EngineReport(
        engine=complete.engine,
        engine_version=complete.engine_version,
        media_type=complete.media_type,
        pages_total=complete.pages_total,
        pages_ok=complete.pages_ok,
        pages_failed=complete.pages_failed,
        partial=complete.partial,
        warnings=complete.warnings,
        files=[RESULT_FILE, *complete.files],
    )
