"""An extraction of one file: its text by a parse engine, then the extractor."""

import time
from collections.abc import Iterator
from typing import Any

from docmill.contracts.warnings import ResultWarning, WarningCode, notes, warning
from docmill.engines.base import EngineTask, ParseResult
from docmill.engines.extract.base import METADATA_OF, ExtractResult, Findings
from docmill.engines.parsing import Watcher, parsed
from docmill.engines.registry import Registry

_DEFAULT_TIER = "cost_effective"


def extracted(task: EngineTask, registry: Registry, watcher: Watcher) -> ExtractResult:
    """Read the pages that the parameters name, and find the schema's fields in them.

    Raises:
        ItemFailure: the file cannot be read, or there is no extractor.
        UsageError: the parameters cannot be read.
    """
    began = time.perf_counter()
    extractor = registry.extractor()
    parameters = task.parameters
    document, _ = parsed(task, reading(parameters), registry, watcher)
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
    """Return what was found in a document as its result.

    Args:
        document: what was read.
        parameters: of the extraction.
        findings: in the form of the parameters' target.
        engine: name and version of what extracted.
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
        warnings=[*document.warnings, *_not_honoured(parameters), *notes(findings.warnings)],
    )


def reading(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of ``parse_v2`` that read what is to be extracted from."""
    found = dict(parameters.get("parse_parameters") or {})
    if "parse_tier" in parameters:
        found["tier"] = parameters["parse_tier"]
    pages = {key: parameters[key] for key in ("target_pages", "max_pages") if key in parameters}
    if pages:
        found["page_ranges"] = pages
    return found


def _not_honoured(parameters: dict[str, Any]) -> Iterator[ResultWarning]:
    """Yield a warning for each parameter that only LlamaCloud knows."""
    given = {
        "advanced_citations": parameters.get("advanced_citations"),
        "spreadsheet_mode": parameters.get("spreadsheet_mode"),
        "sheet_names": parameters.get("sheet_names"),
        "tier": parameters.get("tier", _DEFAULT_TIER) != _DEFAULT_TIER,
        "version": parameters.get("version", "latest") != "latest",
    }
    for name, asked in given.items():
        if asked:
            message = f"The parameter {name} is only honoured by the engine llamacloud."
            yield warning(WarningCode.PARAMETER_NOT_HONOURED, message)
