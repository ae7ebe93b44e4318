"""The LiteParse engine: PDF and images."""

from pathlib import Path
from typing import Any, ClassVar

import pytest

from docmill.engines.liteparse.engine import LiteParseEngine
from docmill.errors import FailureClass, ItemFailure
from docmill.testing.engine_contract import EngineContract
from tests.engines import documents
from tests.fixtures.engines import Bench, messages

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "documents"
SCAN = EXAMPLES / "delivery-note-scan.png"
THREE_PAGES = documents.pdf("Tide one", "Tide two", "Tide three")


@pytest.mark.integration
class TestContract(EngineContract):
    engine = LiteParseEngine
    samples: ClassVar = {
        "one.pdf": (documents.pdf("Tide gauge manual"), "Tide gauge manual"),
        "three.pdf": (THREE_PAGES, "Tide three"),
        "table.pdf": ((EXAMPLES / "invoice-2026-014.pdf").read_bytes(), "Tidewater Instruments"),
        "scan.png": (SCAN.read_bytes(), "Tidewater Instruments"),
    }
    damaged: ClassVar = {
        "cut.pdf": documents.pdf("Tide")[:200],
        "cut.png": SCAN.read_bytes()[:100],
        "noise.tiff": b"II*\0" + b"\xff" * 64,
    }
    paged = ("three.pdf", THREE_PAGES)


async def test_table_becomes_an_item_with_rows_and_a_box(engines: Bench) -> None:
    result = (await engines.parse(EXAMPLES / "invoice-2026-014.pdf")).result

    (table,) = [item for item in result.pages[0].items if item["type"] == "table"]
    assert table["rows"][1][:2] == ["TG-100", "Float tide gauge"]
    assert table["bbox"][0]["w"] > 100
    assert "TG-100" in table["csv"]
    assert "<td>TG-100</td>" in table["html"]
    assert result.pages[0].width == pytest.approx(595, abs=20)


async def test_only_pages_without_text_are_recognised(engines: Bench) -> None:
    text = (
        await engines.parse_bytes("text.pdf", documents.pdf("Manual of the tide gauge TG-100"))
    ).result
    scan = (await engines.parse(SCAN)).result

    assert [page.ocr for page in text.pages] == [False]
    assert [page.ocr for page in scan.pages] == [True]
    assert "ocr" not in text.timings


@pytest.mark.parametrize(
    "parameters",
    [
        {"tier": "fast"},
        {"disable_ocr": True},
        {"processing_options": {"ocr_parameters": {"languages": ["tlh"]}}},
    ],
)
async def test_empty_page_reports_disabled_ocr(engines: Bench, parameters: dict[str, Any]) -> None:
    run = await engines.parse(SCAN, **parameters)

    assert run.result.pages[0].text == run.markdown == ""
    assert "No text on page 1: OCR was off." in messages(run.report.warnings)


async def test_language_without_data_is_reported(engines: Bench) -> None:
    languages = {"ocr_parameters": {"languages": ["en", "de"]}}

    run = await engines.parse(SCAN, processing_options=languages)

    assert "Tidewater" in run.markdown
    assert "There is no OCR data for the language de here." in messages(run.report.warnings)


async def test_agentic_tier_is_parsed_locally_with_a_warning(engines: Bench) -> None:
    run = await engines.parse_bytes("a.pdf", documents.pdf("Tide"), tier="agentic")

    assert "Tide" in run.markdown
    assert "agentic" in run.report.warnings[0].message


async def test_lost_pages_within_the_ratio_complete_in_part(engines: Bench) -> None:
    ratio = {"job_failure_conditions": {"allowed_page_failure_ratio": 0.5}}
    torn = documents.pdf_with_lost_pages(good=3, lost=1)

    run = await engines.parse_bytes("torn.pdf", torn, processing_control=ratio)

    report = run.report
    assert (report.pages_total, report.pages_ok, report.pages_failed) == (4, 3, 1)
    assert report.partial
    assert "1 of 4 pages failed: 4." in messages(report.warnings)
    assert run.result.pages[3].error


async def test_lost_pages_over_the_ratio_fail_and_are_reported(engines: Bench) -> None:
    with pytest.raises(ItemFailure) as failed:
        await engines.parse_bytes("torn.pdf", documents.pdf_with_lost_pages(good=2, lost=2))

    assert failed.value.failure_class is FailureClass.PAGES_FAILED
    assert "2 of 4 pages failed (pages 3-4)" in failed.value.message


async def test_nonexistent_pages_fail(engines: Bench) -> None:
    with pytest.raises(ItemFailure) as failed:
        await engines.parse_bytes("a.pdf", documents.pdf("Tide"), page_ranges={"target_pages": "7"})

    assert failed.value.failure_class is FailureClass.PAGES_FAILED
    assert "has 1" in failed.value.message


async def test_text_outside_the_crop_box_is_left_out(engines: Bench) -> None:
    run = await engines.parse_bytes("a.pdf", documents.pdf("Tide"), crop_box={"top": 0.5})

    assert "Tide" not in run.markdown
    assert not [w for w in run.report.warnings if "crop_box" in w.message]
