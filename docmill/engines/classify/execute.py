"""Execution of a classify task: a parse engine reads the text, a classifier selects a rule."""

import time
from typing import Any

from docmill.engines.base import EngineTask, ParseResult
from docmill.engines.classify.base import ClassifyResult, Rule, Verdict
from docmill.engines.parse import Watcher, parse_document
from docmill.engines.registry import Registry
from docmill.parameters.classify import DEFAULT_MAX_PAGES

_ALLOWED_FAILED_PAGES = 0.99
"""The type of a document shows on any page; the task fails only if no page can be read."""


def classify_document(task: EngineTask, registry: Registry, watcher: Watcher) -> ClassifyResult:
    """Parse the selected pages and classify them.

    Raises:
        ItemFailure: the file cannot be parsed, or there is no classifier.
        UsageError: the parameters are invalid.
    """
    began = time.perf_counter()
    classifier = registry.classifier()
    document, _ = parse_document(task, parse_parameters(task.parameters), registry, watcher)
    text = "\n".join(page.text for page in document.pages if page.success)
    rules = [Rule(rule["type"], rule["description"]) for rule in task.parameters["rules"]]
    read = time.perf_counter()
    verdict = classifier.classify(text, rules)
    ended = time.perf_counter()
    result = result_of(document, verdict, (classifier.name, classifier.version))
    timings = {
        "read": round(read - began, 3),
        "classify": round(ended - read, 3),
        "total": round(ended - began, 3),
    }
    return result.model_copy(update={"timings": timings})


def result_of(document: ParseResult, verdict: Verdict, engine: tuple[str, str]) -> ClassifyResult:
    """Build the result of a classify job.

    Args:
        document: result of the parse engine.
        verdict: decision of the classifier.
        engine: name and version of the classifier.
    """
    return ClassifyResult(
        engine=engine[0],
        engine_version=engine[1],
        text_engine=document.engine,
        text_engine_version=document.engine_version,
        media_type=document.media_type,
        result=verdict,
        pages_total=document.pages_total,
        pages_ok=document.pages_ok,
        pages_failed=document.pages_failed,
        partial=document.partial,
        document_pages=document.document_pages,
        warnings=document.warnings,
    )


def parse_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parse parameters for the text to be classified."""
    given = parameters.get("parsing_configuration") or {}
    if given.get("target_pages"):
        pages = {"target_pages": given["target_pages"]}
    else:
        pages = {"max_pages": given.get("max_pages") or DEFAULT_MAX_PAGES}
    found: dict[str, Any] = {
        "page_ranges": pages,
        "processing_control": {
            "job_failure_conditions": {"allowed_page_failure_ratio": _ALLOWED_FAILED_PAGES}
        },
    }
    if given.get("lang", "en") != "en":
        found["processing_options"] = {"ocr_parameters": {"languages": [given["lang"]]}}
    return found
