"""Execution of an extract task: a parse engine reads the text, an extractor finds the fields."""

import time
from collections.abc import Iterator
from typing import Any

from docmill.contracts.warnings import ResultWarning, WarningCode, notes, warning
from docmill.engines.base import EngineTask, ParseResult
from docmill.engines.extract.base import METADATA_OF, ExtractResult, Findings
from docmill.engines.parse import Watcher, parse_document
from docmill.engines.registry import Registry

_DEFAULT_TIER = "cost_effective"


def extract_fields(task: EngineTask, registry: Registry, watcher: Watcher) -> ExtractResult:
    """Parse the selected pages and extract the fields of the schema.

    Raises:
        ItemFailure: the file cannot be parsed, or there is no extractor.
        UsageError: the parameters are invalid.
    """
    began = time.perf_counter()
    extractor = registry.extractor()
    parameters = task.parameters
    document, _ = parse_document(task, parse_parameters(parameters), registry, watcher)
    pages = [page for page in document.pages if page.success]
    read = time.perf_counter()
    findings = extractor.extract(pages, parameters["data_schema"], parameters["extraction_target"])
    ended = time.perf_counter()
    result = result_of(document, parameters, findings, (extractor.name, extractor.version))
    message = "system_prompt has no effect: there is no model."
    prompt = [warning(WarningCode.PARAMETER_NOT_HONOURED, message)]
    return result.model_copy(
        update={
            "warnings": result.warnings + prompt * ("system_prompt" in parameters),
            "timings": {
                "read": round(read - began, 3),
                "extract": round(ended - read, 3),
                "total": round(ended - began, 3),
            },
        }
    )


def result_of(
    document: ParseResult, parameters: dict[str, Any], findings: Findings, engine: tuple[str, str]
) -> ExtractResult:
    """Build the result of an extract job.

    Args:
        document: result of the parse engine.
        parameters: parameters of the extract job.
        findings: result of the extractor.
        engine: name and version of the extractor.
    """
    target = parameters["extraction_target"]
    known = findings.metadata
    failed = document.pages_failed + findings.failed_pages
    return ExtractResult(
        engine=engine[0],
        engine_version=engine[1],
        text_engine=document.engine,
        text_engine_version=document.engine_version,
        media_type=document.media_type,
        target=target,
        result=findings.result,
        result_pages=findings.pages,
        field_metadata={} if known is None else {METADATA_OF[target]: known},
        pages_total=document.pages_total,
        pages_ok=document.pages_total - failed,
        pages_failed=failed,
        partial=document.partial or findings.failed_pages > 0,
        document_pages=document.document_pages,
        warnings=[*document.warnings, *_unsupported(parameters), *notes(findings.warnings)],
    )


def parse_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parse parameters for the text to be extracted from."""
    found = dict(parameters.get("parse_parameters") or {})
    if "parse_tier" in parameters:
        found["tier"] = parameters["parse_tier"]
    pages = {key: parameters[key] for key in ("target_pages", "max_pages") if key in parameters}
    if pages:
        found["page_ranges"] = pages
    return found


def _unsupported(parameters: dict[str, Any]) -> Iterator[ResultWarning]:
    """Yield a warning for each parameter that only LlamaCloud supports."""
    given = {
        "advanced_citations": parameters.get("advanced_citations"),
        "spreadsheet_mode": parameters.get("spreadsheet_mode"),
        "sheet_names": parameters.get("sheet_names"),
        "tier": parameters.get("tier", _DEFAULT_TIER) != _DEFAULT_TIER,
        "version": parameters.get("version", "latest") != "latest",
    }
    for name, asked in given.items():
        if asked:
            message = f"The parameter {name} is supported only by the engine llamacloud."
            yield warning(WarningCode.PARAMETER_NOT_HONOURED, message)
