"""Parsing by LlamaCloud, with the result in the format of local engines."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docmill.contracts.warnings import WarningCode, parse_warnings, warning
from docmill.engines.attachments import write_attachments
from docmill.engines.base import Document, EngineReport, ParsedPage, ParseResult
from docmill.engines.output_files import write_parsed
from docmill.engines.postprocessing import JOINING, shape
from docmill.errors import FailureClass, ItemFailure
from docmill.remote.llamacloud.answers import Page, Pages, Parse, read
from docmill.remote.llamacloud.attachments import Attachments, load_attachments
from docmill.remote.llamacloud.cloud import RUN, media_type
from docmill.remote.llamacloud.product import Answer, Product, millicredits

_SHAPED_HERE = frozenset({*JOINING, "replace_failed_page_mode"})
"""Docmill's own parameters that are applied to the result of every engine."""
_ADDITIONS = frozenset({"disable_ocr", "hide_headers", "hide_footers"})
"""Docmill's own parameters that LlamaCloud does not support."""
_NEVER_SENT = frozenset({*_SHAPED_HERE, *_ADDITIONS, "engine"})
_MADE_HERE = ("stripped_md", "concatenated_stripped_txt")
"""Additional outputs that are made here from the Markdown."""
_MAX_WARNINGS = 100


def _body(parameters: Mapping[str, Any], file_id: str, run_id: str) -> dict[str, Any]:
    sent = {key: value for key, value in parameters.items() if key not in _NEVER_SENT}
    return {**sent, "file_id": file_id, "user_metadata": {RUN: run_id}}


async def _write(answer: Answer) -> EngineReport:
    parsed = await asyncio.to_thread(read, Parse, answer.response)
    attachments = await load_attachments(answer)
    return await asyncio.to_thread(_written, answer, parsed, attachments)


def _written(answer: Answer, parsed: Parse, attachments: Attachments) -> EngineReport:
    task = answer.task
    result = _result(answer, parsed, attachments)
    here = {key: task.parameters[key] for key in _SHAPED_HERE if key in task.parameters}
    shaped = shape(result, here)
    asked = (task.parameters.get("output_options") or {}).get("additional_outputs") or []
    made_here = [one for one in asked if one in _MADE_HERE]
    document = Document(Path(task.document), task.name, result.media_type, answer.folder)
    complete = write_attachments(
        shaped, document, {"output_options": {"additional_outputs": made_here}}
    )
    return write_parsed(complete, task)


def _result(answer: Answer, parsed: Parse, attachments: Attachments) -> ParseResult:
    pages = _pages(parsed)
    failed = [page.page_number for page in pages if not page.success]
    notes = parsed.job_metadata or {}
    told = notes.get("warnings")
    warnings = parse_warnings(told[:_MAX_WARNINGS] if isinstance(told, list) else [])
    warnings += [
        warning(
            WarningCode.PARAMETER_NOT_HONOURED,
            f"{key} changed nothing: LlamaCloud has no such parameter.",
        )
        for key in sorted(_ADDITIONS & answer.task.parameters.keys())
    ]
    in_document = notes.get("document_pages")
    return ParseResult(
        engine="llamacloud",
        engine_version=answer.version,
        media_type=media_type(answer.task.name),
        pages_total=len(pages),
        pages_ok=len(pages) - len(failed),
        pages_failed=len(failed),
        partial=bool(failed),
        document_pages=in_document if isinstance(in_document, int) else None,
        pages=pages,
        warnings=[*warnings, *attachments.warnings],
        timings=answer.timings,
        files=dict.fromkeys(attachments.files, ""),
        images=attachments.images,
        usage=millicredits(parsed.job.usage),
    )


def _pages(parsed: Parse) -> list[ParsedPage]:
    """Return the pages, merged from all formats in the answer.

    Raises:
        ItemFailure: ANSWER_INVALID: there is no page, or a page number is not unique.
    """
    forms = {
        name: _by_number(pages)
        for name, pages in (
            ("markdown", parsed.markdown),
            ("text", parsed.text),
            ("items", parsed.items),
            ("metadata", parsed.metadata),
        )
    }
    numbers = sorted(forms["markdown"].keys() | forms["text"].keys())
    if not numbers:
        raise ItemFailure(FailureClass.ANSWER_INVALID, "The remote engine returned no page.")
    return [
        _page(number, {name: pages.get(number) for name, pages in forms.items()})
        for number in numbers
    ]


def _by_number(pages: Pages | None) -> dict[int, Page]:
    found = {page.page_number: page for page in pages.pages} if pages else {}
    if pages and (len(found) < len(pages.pages) or min(found, default=1) < 1):
        raise ItemFailure(
            FailureClass.ANSWER_INVALID, "The remote engine's page numbers contradict each other."
        )
    return found


def _page(number: int, forms: Mapping[str, Page | None]) -> ParsedPage:
    nothing = Page(page_number=number)
    text = (forms["text"] or nothing).text
    # Without Markdown, as with the tier fast, the plain text is used.
    markdown = forms["markdown"] or Page(page_number=number, markdown=text)
    if not markdown.success:
        error = markdown.error or "The page failed."
        return ParsedPage(page_number=number, success=False, error=error)
    items, metadata = forms["items"] or nothing, forms["metadata"] or nothing
    return ParsedPage(
        page_number=number,
        markdown=markdown.markdown,
        text=text,
        width=items.page_width or None,
        height=items.page_height or None,
        items=items.items,
        header=markdown.header,
        footer=markdown.footer,
        confidence=metadata.confidence,
        printed_page_number=metadata.printed_page_number,
        speaker_notes=metadata.speaker_notes,
        section_name=metadata.slide_section_name,
    )


PARSE = Product(
    path="/api/v2/parse",
    body=_body,
    write=_write,
    expand=("markdown", "text", "items", "metadata", "job_metadata", "usage"),
    expand_less=("text", "metadata"),
)
"""The tier ``fast`` may have only text, and then LlamaCloud rejects the other parts."""
