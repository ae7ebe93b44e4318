"""Warnings: limited in number for each result, and always valid in a manifest."""

from pathlib import Path

import pytest

from docmill.contracts.warnings import (
    DOUBTS,
    LOSSES,
    MAX_WARNINGS,
    ResultWarning,
    WarningCode,
    WarningKind,
    at_most,
    kind_of,
    warning,
)
from docmill.engines.base import EngineTask, ParsedPage, ParseResult
from docmill.engines.output_files import write_parsed

PAGE = WarningCode.PAGE_WITHOUT_TEXT


def _pages(count: int, code: WarningCode = PAGE) -> list[ResultWarning]:
    return [warning(code, f"No text on page {number}.", number) for number in range(1, count + 1)]


def test_few_warnings_are_unchanged() -> None:
    few = [*_pages(60), *_pages(40, WarningCode.OCR_ADDED)]
    assert at_most(few) == few


def test_many_warnings_of_one_code_end_with_a_count_of_the_rest() -> None:
    shown = at_most(_pages(10_000))

    assert len(shown) == MAX_WARNINGS
    assert shown[:-1] == _pages(10_000)[: MAX_WARNINGS - 1]
    assert shown[-1].code is PAGE
    assert shown[-1].message == "And 9,901 more of this kind, on pages 100 to 10000."


def test_rare_code_after_many_others_is_reported() -> None:
    many = [*_pages(5000), *_pages(3, WarningCode.PAGE_TURNED), *_pages(9, WarningCode.OCR_ADDED)]
    shown = at_most([*many, warning(WarningCode.NO_TEXT, "The document has no text.")])

    assert len(shown) <= MAX_WARNINGS
    assert {one.code for one in shown} == {PAGE, "page_turned", "ocr_added", "no_text"}
    assert sum(one.code == "ocr_added" for one in shown) == 9


def test_all_warning_codes_fit_into_one_result() -> None:
    shown = at_most([one for code in WarningCode for one in _pages(50, code)])

    assert len(shown) <= MAX_WARNINGS
    assert {one.code for one in shown} == set(WarningCode)


def test_every_code_has_one_kind() -> None:
    assert not LOSSES & DOUBTS
    assert {kind_of(code) for code in WarningCode} == set(WarningKind)


@pytest.mark.parametrize("page", [0, -1, 2**31, 10**30])
def test_page_number_below_one_is_dropped(page: int) -> None:
    assert ResultWarning(code=PAGE, message="x", page=page).page is None


def test_result_is_written_with_a_bounded_number_of_warnings(tmp_path: Path) -> None:
    result = ParseResult(
        engine="e",
        engine_version="1",
        media_type="application/pdf",
        pages_total=1,
        pages_ok=1,
        pages_failed=0,
        pages=[ParsedPage(page_number=1)],
        warnings=_pages(10_000),
    )

    report = write_parsed(result, EngineTask("parse", "in.pdf", "in.pdf", str(tmp_path)))

    stored = ParseResult.model_validate_json((tmp_path / "result.json").read_bytes())
    assert report.warnings == stored.warnings
    assert len(report.warnings) == MAX_WARNINGS
