"""One task from file to result files: what a child process does, without being one.

Order: detect the content, choose the engine, run it, account for every page, write the files.
"""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

from docmill.engines.accounting import account
from docmill.engines.base import Document, Engine, EngineReport, EngineTask, ParseResult
from docmill.engines.detect import detect
from docmill.engines.parameters import ParseRequest, not_honoured
from docmill.engines.registry import Registry
from docmill.errors import FailureClass, ItemFailure

RESULT_FILE = "result.json"
MARKDOWN_FILE = "document.md"
PAGE_BREAK = "\n\n---\n\n"
"""Between the pages of `MARKDOWN_FILE`; LlamaParse's default."""


def run_task(
    task: EngineTask, registry: Registry, chosen: Callable[[Engine], None] | None = None
) -> EngineReport:
    """Run ``task`` and leave `RESULT_FILE` and `MARKDOWN_FILE` in its output folder.

    The files count only once this returns: what a killed run left behind is to be thrown away.

    Args:
        task: what to do.
        registry: the engines to choose from.
        chosen: told which engine gets the file, before it does: a crash can then be put down
            to it.

    Raises:
        ItemFailure: with the class that fits; other exceptions are the engine's own trouble.
        UsageError: the parameters cannot be read.
    """
    began = time.perf_counter()
    path = Path(task.document)
    request = ParseRequest.read(task.parameters)
    detection = detect(path, task.name, registry.extensions)
    engine = registry.engine_for(task.product, detection.media_type)
    if chosen is not None:
        chosen(engine)
    document = Document(path, task.name, detection.media_type)
    found = engine.run(document, task.parameters, task.limits)
    if not isinstance(found, ParseResult):
        raise ItemFailure(
            FailureClass.ENGINE_ERROR, f"The engine {engine.name} returned no parse result."
        )
    result = account(found, request.pages, request.allowed_failure_ratio, task.limits)
    warnings = [
        *detection.warnings,
        *request.warnings,
        *not_honoured(task.parameters, engine, detection.media_type),
        *result.warnings,
    ]
    timings = result.timings | {"total": round(time.perf_counter() - began, 3)}
    finished = result.model_copy(update={"warnings": warnings, "timings": timings})
    return _write(finished, Path(task.output_dir))


def _write(result: ParseResult, folder: Path) -> EngineReport:
    markdown = PAGE_BREAK.join(page.markdown for page in result.pages).encode()
    (folder / MARKDOWN_FILE).write_bytes(markdown)
    hashes = {MARKDOWN_FILE: hashlib.sha256(markdown).hexdigest()}
    complete = result.model_copy(update={"files": hashes})
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
        files=[RESULT_FILE, MARKDOWN_FILE],
    )
