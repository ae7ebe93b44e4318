"""Output files of a run: result, Markdown, and the part of a slice."""

import hashlib
from pathlib import Path

from docmill.contracts.warnings import at_most
from docmill.engines.attachments import hashes_of
from docmill.engines.base import (
    INLINE_BYTES,
    RESULT_FILE,
    SLICE_FILE,
    EngineReport,
    EngineTask,
    ParseResult,
    SliceReport,
)
from docmill.engines.classify.base import ClassifyResult
from docmill.engines.extract.base import ExtractResult
from docmill.engines.selection import as_target_pages
from docmill.engines.slices import UnfinishedError

MARKDOWN_FILE = "document.md"
PAGE_BREAK = "\n\n---\n\n"
"""Separator of pages in `MARKDOWN_FILE`, LlamaParse's default."""


def write_parsed(result: ParseResult, task: EngineTask) -> EngineReport:
    """Write `MARKDOWN_FILE` and `RESULT_FILE`. The attachments of the result exist already.

    Raises:
        ItemFailure: ENGINE_ERROR when an attachment is missing.
    """
    folder = Path(task.output_dir)
    pages = ((page.page_number, page.markdown) for page in result.pages)
    markdown = result.joining.join(pages, PAGE_BREAK).encode()
    others = {*result.files, *(image.filename for image in result.images)} - {MARKDOWN_FILE}
    hashes = hashes_of(folder, others) | {MARKDOWN_FILE: hashlib.sha256(markdown).hexdigest()}
    files = dict(sorted(hashes.items()))
    result = result.model_copy(update={"files": files})
    return _report(result, task, {MARKDOWN_FILE: markdown}, may_be_inline=not others)


def write_result(
    result: ParseResult | ClassifyResult | ExtractResult, task: EngineTask
) -> EngineReport:
    """Write `RESULT_FILE` of ``task``. The attachments of the result exist already.

    The number of warnings in the result and in the report is limited.
    """
    return _report(result, task, {}, may_be_inline=not result.files)


def _report(
    result: ParseResult | ClassifyResult | ExtractResult,
    task: EngineTask,
    contents: dict[str, bytes],
    *,
    may_be_inline: bool,
) -> EngineReport:
    result = result.model_copy(update={"warnings": at_most(result.warnings)})
    contents[RESULT_FILE] = result.model_dump_json().encode()
    is_small = sum(map(len, contents.values())) <= INLINE_BYTES
    is_inline = task.inline and may_be_inline and is_small
    if not is_inline:
        for name, data in contents.items():
            (Path(task.output_dir) / name).write_bytes(data)
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
        usage=result.usage,
        contents=contents if is_inline else {},
    )


def write_slice(unfinished: UnfinishedError, task: EngineTask) -> EngineReport:
    """Write `SLICE_FILE`: the part of a slice."""
    part = unfinished.part
    path = Path(task.output_dir) / SLICE_FILE
    path.write_text(part.model_dump_json(), encoding="utf-8")
    ok = sum(one.page.success for one in part.pages)
    return EngineReport(
        engine=unfinished.engine[0],
        engine_version=unfinished.engine[1],
        media_type=unfinished.media_type,
        pages_total=len(part.pages),
        pages_ok=ok,
        pages_failed=len(part.pages) - ok,
        partial=False,
        files=[SLICE_FILE],
        slice=SliceReport(as_target_pages(part.asked), as_target_pages(part.recognise)),
    )
