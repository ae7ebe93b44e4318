"""The files of a result: what every engine of a product leaves in its output folder."""

from pathlib import Path

from docmill.engines.base import EngineReport, ParseResult
from docmill.engines.beside import hashes_of
from docmill.engines.classify.base import ClassifyResult

RESULT_FILE = "result.json"
MARKDOWN_FILE = "document.md"
PAGE_BREAK = "\n\n---\n\n"
"""Between the pages of `MARKDOWN_FILE`; LlamaParse's default."""


def write_parsed(
    result: ParseResult, folder: Path, usage: dict[str, int] | None = None
) -> EngineReport:
    """Write `MARKDOWN_FILE` and `RESULT_FILE`; other files that the result names are there.

    Raises:
        ItemFailure: ENGINE_ERROR when one of them is not.
    """
    pages = ((page.page_number, page.markdown) for page in result.pages)
    markdown = result.joining.join(pages, PAGE_BREAK)
    (folder / MARKDOWN_FILE).write_text(markdown, encoding="utf-8", newline="")
    names = {MARKDOWN_FILE, *result.files, *(image.filename for image in result.images)}
    complete = result.model_copy(update={"files": hashes_of(folder, names)})
    return write_result(complete, folder, usage)


def write_result(
    result: ParseResult | ClassifyResult, folder: Path, usage: dict[str, int] | None = None
) -> EngineReport:
    """Write `RESULT_FILE`; the files that it names are there already."""
    (folder / RESULT_FILE).write_text(result.model_dump_json(), encoding="utf-8")
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
        usage=usage or {},
    )
