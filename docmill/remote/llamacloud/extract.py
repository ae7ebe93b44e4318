"""Extraction by LlamaCloud."""

import asyncio
from collections.abc import Mapping
from typing import Any

from docmill.contracts.warnings import ResultWarning, WarningCode, parse_warnings, warning
from docmill.engines.base import EngineReport
from docmill.engines.extract.base import ExtractResult
from docmill.engines.output_files import write_result
from docmill.errors import FailureClass, ItemFailure
from docmill.remote.llamacloud.answers import Extract, ExtractNotes, read
from docmill.remote.llamacloud.cloud import media_type
from docmill.remote.llamacloud.product import Answer, Product, millicredits

_ADDITIONS = frozenset({"engine", "parse_parameters", "parse_config_id"})
"""Docmill's own parameters, and a configuration that only exists here."""
_PARAMETERS_IGNORED = (
    "LlamaCloud decides how the text is read; of the parse parameters it takes parse_tier."
)


def _body(parameters: Mapping[str, Any], file_id: str, _run_id: str) -> dict[str, Any]:
    configuration = {key: value for key, value in parameters.items() if key not in _ADDITIONS}
    return {"file_input": file_id, "configuration": configuration}


def _filters(file_id: str) -> dict[str, str]:
    return {"file_input": file_id}


async def _write(answer: Answer) -> EngineReport:
    return await asyncio.to_thread(_written, answer)


def _written(answer: Answer) -> EngineReport:
    job = read(Extract, answer.response)
    if job.extract_result is None:
        raise ItemFailure(FailureClass.ANSWER_INVALID, "The remote engine extracted nothing.")
    known = job.extract_metadata.field_metadata if job.extract_metadata else None
    notes = job.metadata or ExtractNotes()
    pages = (notes.usage.num_pages_extracted if notes.usage else None) or 0
    parameters = answer.task.parameters
    return write_result(
        ExtractResult(
            engine="llamacloud",
            engine_version=answer.version,
            media_type=media_type(answer.task.name),
            target=parameters["extraction_target"],
            result=job.extract_result,
            result_pages=notes.pages or [],
            field_metadata={key: value for key, value in (known or {}).items() if value},
            usage=_usage(job, notes),
            pages_total=pages,
            pages_ok=pages,
            pages_failed=0,
            partial=notes.partial,
            warnings=[*parse_warnings(notes.warnings), *_ignored_parameters(parameters)],
            timings=answer.timings,
        ),
        answer.task,
    )


def _ignored_parameters(parameters: Mapping[str, Any]) -> list[ResultWarning]:
    if "parse_parameters" not in parameters:
        return []
    return [warning(WarningCode.PARAMETER_NOT_HONOURED, _PARAMETERS_IGNORED)]


def _usage(job: Extract, notes: ExtractNotes) -> dict[str, int]:
    billed = notes.usage.num_pages_billed if notes.usage else None
    return millicredits(job.usage) | ({} if billed is None else {"pages_billed": billed})


EXTRACT = Product(
    path="/api/v2/extract",
    body=_body,
    filters=_filters,
    write=_write,
    expand=("extract_metadata", "usage"),
)
