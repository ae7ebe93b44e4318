"""Page accounting: requested pages = pages ok + pages failed, whatever an engine reports.

How pages are counted:

=====================  ====================================================================
PDF                    its pages
image                  1; for a TIFF, one per frame except reduced copies
docx                   parts between the stated page breaks, otherwise 1
odt, doc, rtf          1
pptx, ppt              one per slide
xlsx, xls, ods         one per sheet
EPUB, mail, HTML       1
Markdown, text, CSV    1
=====================  ====================================================================
"""

import re
from collections import Counter
from collections.abc import Iterator

from docmill.contracts.media_types import Media
from docmill.contracts.warnings import ResultWarning, WarningCode, warning
from docmill.engines.base import Limits, ParsedPage, ParseResult
from docmill.engines.selection import PageSelection, as_target_pages
from docmill.errors import FailureClass, ItemFailure

DEFAULT_ALLOWED_FAILURE_RATIO = 0.05
"""LlamaCloud's default: one failed page of twenty is tolerated."""

_PICTURE = re.compile(r"\\?!\[[^\]]*\]\([^)]*\)")
"""An image in Markdown; it is not text."""
_RULE = re.compile(r"^\s*-{3,}\s*$", re.M)
"""A break between slides; it is not text."""
_MISSING = "The engine returned nothing for this page."


def account(
    result: ParseResult, selection: PageSelection, allowed_ratio: float, limits: Limits
) -> ParseResult:
    """Return ``result`` with every requested page exactly once, and with correct counts.

    A page that the engine omitted is added as failed. Failed pages within ``allowed_ratio`` make
    the result partial and are named in a warning. A document without text is named in a warning
    too, and so are pages of a PDF or an image without text, unless the engine reported them.

    Args:
        result: result of the engine.
        selection: requested pages.
        allowed_ratio: maximum share of failed pages of a complete result, 0..1.
        limits: ``pages`` is the maximum number of pages.

    Raises:
        ItemFailure: TOO_MANY_PAGES (also when the engine stopped early), PAGES_FAILED, CORRUPT (no
            pages), or ENGINE_ERROR when the counts of the engine contradict each other.
    """
    numbers = [page.page_number for page in result.pages]
    _reject_contradictions(result, numbers)
    in_document = len(numbers) if result.document_pages is None else result.document_pages
    asked = check_page_limit(in_document, selection, limits)
    if selection.everything and numbers and max(numbers) < in_document:
        raise ItemFailure(
            FailureClass.TOO_MANY_PAGES,
            f"The engine stopped after page {max(numbers)} of {in_document}.",
        )
    by_number = {page.page_number: page for page in result.pages}
    pages = [by_number.get(number) or _missing(number) for number in asked]
    failed = [page.page_number for page in pages if not page.success]
    if len(failed) / len(pages) > allowed_ratio:
        raise ItemFailure(FailureClass.PAGES_FAILED, _too_many_failed(pages, failed))
    return result.model_copy(
        update={
            "pages": pages,
            "pages_total": len(pages),
            "pages_ok": len(pages) - len(failed),
            "pages_failed": len(failed),
            "partial": bool(failed),
            "document_pages": in_document,
            "warnings": [
                *result.warnings,
                *_failed_warning(failed, len(pages)),
                *_pages_without_text(pages, result),
            ],
        }
    )


def check_page_limit(document_pages: int, selection: PageSelection, limits: Limits) -> list[int]:
    """Return the requested page numbers that exist.

    Engines call it as soon as they know the number of pages, before the expensive part.

    Raises:
        ItemFailure: CORRUPT when the document has no pages, TOO_MANY_PAGES above the limit,
            PAGES_FAILED when none of the requested pages exists.
    """
    if document_pages < 1:
        raise ItemFailure(FailureClass.CORRUPT, "The document has no pages.")
    asked = selection.of(document_pages, limits.pages + 1)
    if len(asked) > limits.pages:
        raise ItemFailure(
            FailureClass.TOO_MANY_PAGES,
            f"The file has {document_pages} pages; the limit is {limits.pages}.",
        )
    if not asked:
        raise ItemFailure(
            FailureClass.PAGES_FAILED,
            f"None of the requested pages exists: the document has {document_pages}.",
        )
    return asked


def _reject_contradictions(result: ParseResult, numbers: list[int]) -> None:
    twice = [number for number, times in Counter(numbers).items() if times > 1]
    beyond = result.document_pages is not None and max(numbers, default=0) > result.document_pages
    counts_agree = result.pages_total == result.pages_ok + result.pages_failed
    if twice or beyond or min(numbers, default=1) < 1 or not counts_agree:
        raise ItemFailure(
            FailureClass.ENGINE_ERROR,
            f"The engine's page counts contradict each other: {result.pages_total} in all, "
            f"{result.pages_ok} ok, {result.pages_failed} failed, {len(numbers)} returned.",
        )


def _missing(number: int) -> ParsedPage:
    return ParsedPage(page_number=number, success=False, error=_MISSING)


def _too_many_failed(pages: list[ParsedPage], failed: list[int]) -> str:
    first = next(page for page in pages if not page.success)
    return (
        f"{len(failed)} of {len(pages)} pages failed (pages {as_target_pages(failed)}): "
        f"{first.error or 'no reason given'}"
    )


def _failed_warning(failed: list[int], total: int) -> list[ResultWarning]:
    if not failed:
        return []
    message = f"{len(failed)} of {total} pages failed: {as_target_pages(failed)}."
    return [warning(WarningCode.PAGES_FAILED, message)]


def _pages_without_text(pages: list[ParsedPage], result: ParseResult) -> Iterator[ResultWarning]:
    """Yield warnings about pages without text that the engine did not report.

    Blank sheets, slides and pages of Office files are normal. A page of a PDF or an image without
    text may show a picture of text, and so may a page with images only.
    """
    reported = {(one.code, one.page) for one in result.warnings}
    silent = [page for page in pages if page.success and not _has_text(page)]
    drawn = result.media_type == Media.PDF or result.media_type.startswith("image/")
    for page in silent:
        number = page.page_number
        pictured = drawn or _PICTURE.search(page.markdown)
        if pictured and (WarningCode.PAGE_WITHOUT_TEXT, number) not in reported:
            yield warning(WarningCode.PAGE_WITHOUT_TEXT, f"No text on page {number}.", number)
    everything = len(silent) == sum(page.success for page in pages)
    if everything and (WarningCode.NO_TEXT, None) not in reported:
        yield warning(WarningCode.NO_TEXT, "No text came from the document.")


def _has_text(page: ParsedPage) -> bool:
    """Return whether a page has text besides images, whose names count as plain text."""
    if "![" not in page.markdown:
        return bool(page.text.strip() or _RULE.sub("", page.markdown).strip())
    rest = _PICTURE.sub("", page.markdown)
    return bool(_RULE.sub("", rest).strip() or (rest == page.markdown and page.text.strip()))
