"""Classification by LlamaCloud."""

from collections.abc import Mapping
from typing import Any

from docmill.engines.base import EngineReport
from docmill.engines.classify.base import ClassifyResult, Verdict
from docmill.engines.output_files import write_result
from docmill.errors import FailureClass, ItemFailure
from docmill.remote.llamacloud.answers import Classify, read
from docmill.remote.llamacloud.cloud import media_type
from docmill.remote.llamacloud.product import Answer, Product, millicredits

_ADDITIONS = frozenset({"engine", "disable_cache"})
"""Docmill's own parameters, which LlamaCloud does not know."""


def _body(parameters: Mapping[str, Any], file_id: str, run_id: str) -> dict[str, Any]:
    configuration = {key: value for key, value in parameters.items() if key not in _ADDITIONS}
    return {"file_input": file_id, "configuration": configuration, "transaction_id": run_id}


async def _write(answer: Answer) -> EngineReport:
    job = read(Classify, answer.response)
    if job.result is None:
        raise ItemFailure(
            FailureClass.ANSWER_INVALID, "The remote engine returned no classification."
        )
    result = ClassifyResult(
        engine="llamacloud",
        engine_version=answer.version,
        text_engine="",
        text_engine_version="",
        media_type=media_type(answer.task.name),
        result=Verdict.model_validate(job.result.model_dump()),
        # LlamaCloud does not return the number of pages.
        pages_total=0,
        pages_ok=0,
        pages_failed=0,
        timings=answer.timings,
        usage=millicredits(job.usage),
    )
    return write_result(result, answer.task)


CLASSIFY = Product(path="/api/v2/classify", body=_body, write=_write, expand=("usage",))
"""Its ``transaction_id`` makes a create idempotent, at LlamaCloud and at Docmill."""
