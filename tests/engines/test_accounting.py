"""Requested pages = complete pages + failed pages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmill.contracts.warnings import WarningCode, warning
from docmill.engines.accounting import account
from docmill.engines.base import Limits, ParsedPage, ParseResult
from docmill.engines.selection import PageSelection, as_target_pages
from docmill.errors import FailureClass, ItemFailure, UsageError
from tests.fixtures.engines import messages

ALL = PageSelection()


def result(
    *numbers: int, failed: tuple[int, ...] = (), document_pages: int | None = None
) -> ParseResult:
    return ParseResult(
        engine="e",
        engine_version="1",
        media_type="application/pdf",
        pages_total=len(numbers),
        pages_ok=len(numbers) - len(failed),
        pages_failed=len(failed),
        document_pages=document_pages,
        pages=[ParsedPage(page_number=n, success=n not in failed, text="Words.") for n in numbers],
    )


def refused(
    found: ParseResult,
    selection: PageSelection = ALL,
    ratio: float = 0.05,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> FailureClass:
    with pytest.raises(ItemFailure) as failed:
        account(found, selection, ratio, limits)
    return failed.value.failure_class


def test_whole_document_is_counted() -> None:
    counted = account(result(1, 2, 3), ALL, 0.05, Limits())

    assert (counted.pages_total, counted.pages_ok, counted.pages_failed) == (3, 3, 0)
    assert not counted.partial
    assert counted.document_pages == 3


def test_failed_pages_at_the_ratio_complete_in_part() -> None:
    twenty = result(*range(1, 21), failed=(7,))

    counted = account(twenty, ALL, 0.05, Limits())

    assert counted.partial
    assert messages(counted.warnings) == ["1 of 20 pages failed: 7."]


def test_one_failed_page_over_the_ratio_fails() -> None:
    nineteen = result(*range(1, 20), failed=(7,))

    assert refused(nineteen) is FailureClass.PAGES_FAILED


def test_page_missing_from_the_engines_result_fails() -> None:
    counted = account(result(1, 3, document_pages=3), ALL, 0.5, Limits())

    assert [page.success for page in counted.pages] == [True, False, True]
    assert (counted.pages_total, counted.pages_ok, counted.pages_failed) == (3, 2, 1)


def test_engine_that_returns_too_few_pages_is_detected() -> None:
    assert refused(result(1, 2, document_pages=5)) is FailureClass.TOO_MANY_PAGES


def test_pages_cut_by_max_pages_are_not_failed() -> None:
    counted = account(result(1, 2, document_pages=5), PageSelection(max_pages=2), 0.05, Limits())

    assert (counted.pages_total, counted.document_pages) == (2, 5)
    assert not counted.partial


def test_pages_not_requested_are_left_out() -> None:
    selection = PageSelection.read(None, "2")

    assert [p.page_number for p in account(result(1, 2, 3), selection, 0, Limits()).pages] == [2]


@pytest.mark.parametrize(
    "found",
    [
        result(1, 1),
        result(0, 1),
        result(1, 2, document_pages=1),
        result(1).model_copy(update={"pages_total": 9}),
    ],
)
def test_inconsistent_engine_result_is_an_engine_error(found: ParseResult) -> None:
    assert refused(found) is FailureClass.ENGINE_ERROR


def test_document_without_pages_is_corrupt() -> None:
    assert refused(result()) is FailureClass.CORRUPT


def test_more_pages_than_the_limit_fail() -> None:
    assert refused(result(1, 2, 3), limits=Limits(pages=2)) is FailureClass.TOO_MANY_PAGES
    counted = account(result(1, 2, 3), PageSelection(max_pages=2), 0, Limits(pages=2))
    assert counted.pages_total == 2


@pytest.mark.parametrize("text", ["0", "3-1", "a", "1,,2", "-4", "1-"])
def test_invalid_page_ranges_are_rejected(text: str) -> None:
    with pytest.raises(UsageError, match="target_pages"):
        PageSelection.read(None, text)


def test_huge_page_range_is_parsed_in_constant_time() -> None:
    assert PageSelection.read(None, "1-999999999999").of(10**15, 3) == [1, 2, 3]


@given(
    parts=st.lists(st.tuples(st.integers(1, 60), st.integers(0, 20)), min_size=1, max_size=8),
    pages=st.integers(1, 50),
)
def test_page_selection_is_the_union_of_its_ranges(
    parts: list[tuple[int, int]], pages: int
) -> None:
    text = ",".join(f"{first}-{first + more}" for first, more in parts)
    expected = {n for first, more in parts for n in range(first, first + more + 1) if n <= pages}

    found = PageSelection.read(None, text).of(pages, 10_000)

    assert found == sorted(expected)
    if found:
        assert PageSelection.read(None, as_target_pages(found)).of(pages, 10_000) == found


def _codes(*pages: ParsedPage, media_type: str = "application/pdf") -> list[tuple[str, int | None]]:
    found = result(*range(1, len(pages) + 1))
    found = found.model_copy(update={"pages": list(pages), "media_type": media_type})
    return [(one.code, one.page) for one in account(found, ALL, 1, Limits()).warnings]


def test_pages_without_text_are_reported_for_any_engine() -> None:
    words, blank = ParsedPage(page_number=1, text="Words."), ParsedPage(page_number=2, text=" \n")
    picture = ParsedPage(page_number=1, markdown="![A seal](seal.png)\n")

    assert _codes(words, blank) == [("page_without_text", 2)]
    assert _codes(picture, blank) == [
        ("page_without_text", 1),
        ("page_without_text", 2),
        ("no_text", None),
    ]
    assert _codes(picture, media_type="image/png") == [("page_without_text", 1), ("no_text", None)]


def test_slide_or_document_of_only_images_has_no_text() -> None:
    words = ParsedPage(page_number=1, markdown="|a|")
    slide = ParsedPage(page_number=2, markdown="\\![a.png](a.png)\n\n-----\n", text="a.png -----")
    slides = "application/vnd.openxmlformats-officedocument.presentationml.presentation"

    assert _codes(words, slide, media_type=slides) == [("page_without_text", 2)]
    assert _codes(slide.model_copy(update={"page_number": 1}), media_type=slides) == [
        ("page_without_text", 1),
        ("no_text", None),
    ]


def test_blank_sheets_and_slides_are_reported_only_when_all_are_blank() -> None:
    words, blank = ParsedPage(page_number=1, markdown="|a|"), ParsedPage(page_number=2)
    sheets = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    assert _codes(words, blank, media_type=sheets) == []
    assert _codes(blank.model_copy(update={"page_number": 1}), media_type=sheets) == [
        ("no_text", None)
    ]


def test_pages_without_text_are_reported_once() -> None:
    told = [
        warning(WarningCode.PAGE_WITHOUT_TEXT, "Its image is too small.", 1),
        warning(WarningCode.NO_TEXT, "Nothing at all."),
    ]
    blank = result(1).model_copy(update={"pages": [ParsedPage(page_number=1)], "warnings": told})

    assert account(blank, ALL, 0.05, Limits()).warnings == told
