"""A classification of one file: its text by a parse engine, then the classifier."""

import time
from typing import Any

from docmill.engines.base import EngineTask, ParseResult
from docmill.engines.classify.base import ClassifyResult, Rule, Verdict
from docmill.engines.parsing import Watcher, parsed
from docmill.engines.registry import Registry
from docmill.parameters.classify import DEFAULT_MAX_PAGES

_ALLOWED_FAILED_PAGES = 0.99
"""What a document is shows on any page of it; only without a single one there is nothing."""


def classified(task: EngineTask, registry: Registry, watcher: Watcher) -> ClassifyResult:
    """Read the pages that the parameters name, and say which rule fits.

    Raises:
        ItemFailure: the file cannot be read, or there is no classifier.
        UsageError: the parameters cannot be read.
    """
    began = time.perf_counter()
    classifier = registry.classifier()
    document, _ = parsed(task, reading(task.parameters), registry, watcher)
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
    """Return what a document is as its result.

    Args:
        document: what was read.
        verdict: what it is.
        engine: name and version of what classified.
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


def reading(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of ``parse_v2`` that read what is to be classified."""
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
