"""Every parameter that is not honoured is reported."""

from typing import Any

import pytest

from docmill.contracts.media_types import Media
from docmill.engines.liteparse.engine import LiteParseEngine
from docmill.engines.office.engine import XbergEngine
from docmill.engines.parameters import ParseRequest, not_honoured

SHEETS = {"input_options": {"spreadsheet": {"include_hidden_sheets": True}}}
LANGUAGES = {"processing_options": {"ocr_parameters": {"languages": ["de"]}}}


def test_default_is_the_whole_document_with_ocr() -> None:
    request = ParseRequest.read({})

    assert request.ocr
    assert request.pages.everything
    assert request.allowed_failure_ratio == 0.05
    assert not request.warnings


@pytest.mark.parametrize("parameters", [{"tier": "fast"}, {"disable_ocr": True}])
def test_fast_and_disable_ocr_read_text_layers_only(parameters: dict[str, Any]) -> None:
    assert not ParseRequest.read(parameters).ocr


@pytest.mark.parametrize("tier", ["agentic", "agentic_plus"])
def test_tier_of_a_remote_engine_gives_a_warning(tier: str) -> None:
    (warning,) = ParseRequest.read({"tier": tier}).warnings

    assert tier in warning.message


@pytest.mark.parametrize(
    ("parameters", "media", "warned"),
    [
        ({"output_options": {"watermark_handling": "remove"}}, Media.PDF, True),
        ({"output_options": {"save_output_pdf": False}}, Media.PDF, False),
        ({"output_options": {"images_to_save": ["screenshot"]}}, Media.PDF, False),
        ({"output_options": {"images_to_save": ["layout"]}}, Media.PDF, True),
        ({"never_heard_of": "x"}, Media.PDF, True),
        (SHEETS, Media.PDF, False),
        (LANGUAGES, Media.PDF, False),
        ({"page_ranges": {"max_pages": 3}, "tier": "fast", "version": "latest"}, Media.PDF, False),
    ],
)
def test_only_requested_parameters_that_concern_the_file_are_reported(
    parameters: dict[str, Any], media: Media, warned: bool
) -> None:
    assert bool(list(not_honoured(parameters, LiteParseEngine(), media))) is warned


def test_parameter_is_reported_when_it_concerns_the_file() -> None:
    (warning,) = not_honoured(SHEETS, XbergEngine(), Media.XLSX)

    assert "input_options.spreadsheet.include_hidden_sheets" in warning.message
    assert not list(not_honoured(LANGUAGES, XbergEngine(), Media.XLSX))
