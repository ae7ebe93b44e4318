"""v1's options are converted to those of parse_v2."""

from datetime import UTC, datetime
from typing import Any

import pytest

from docmill.api.beta_batch.parameters import parse_v2_parameters, without_secrets
from docmill.api.beta_batch.views import processed_view
from docmill.api.core.errors import FieldError
from docmill.contracts.words import JobType
from docmill.parameters import effective_parameters
from docmill.records.results import Processed


@pytest.mark.parametrize(
    ("options", "tier"),
    [
        ({}, "cost_effective"),
        ({"fast_mode": True}, "fast"),
        ({"premium_mode": True}, "agentic"),
        ({"parse_mode": "parse_page_without_llm"}, "fast"),
        ({"parse_mode": "parse_document_with_agent"}, "agentic_plus"),
        ({"tier": "fast", "premium_mode": True}, "fast"),
    ],
)
def test_v1_mode_becomes_a_tier(options: dict[str, Any], tier: str) -> None:
    assert parse_v2_parameters(options)["tier"] == tier


@pytest.mark.parametrize(
    ("pages", "counted_from_one"), [("0", "1"), ("0,2-5", "1,3-6"), (" 9 - 10 , 0", "10-11,1")]
)
def test_v1_pages_are_converted_to_count_from_one(pages: str, counted_from_one: str) -> None:
    found = parse_v2_parameters({"target_pages": pages})
    assert found["page_ranges"] == {"target_pages": counted_from_one}


@pytest.mark.parametrize("options", [{"target_pages": "a"}, {"parse_mode": "nonsense"}])
def test_unreadable_option_is_named_in_the_error(options: dict[str, Any]) -> None:
    with pytest.raises(FieldError) as raised:
        parse_v2_parameters(options)
    assert raised.value.loc[-1] == next(iter(options))


def test_every_converted_option_is_valid_in_parse_v2() -> None:
    options = {
        "version": "latest",
        "lang": "de",
        "disable_ocr": True,
        "max_pages": 3,
        "bbox_top": 0.1,
        "annotate_links": True,
        "compact_markdown_table": True,
        "merge_tables_across_pages_in_markdown": True,
        "preserve_very_small_text": True,
        "images_to_save": ["embedded"],
        "guess_xlsx_sheet_name": False,
        "html_remove_fixed_elements": True,
        "spreadsheet_include_hidden_sheets": True,
        "presentation_skip_embedded_data": True,
        "skip_diagonal_text": True,
        "enable_cost_optimizer": True,
        "page_error_tolerance": 0,
        "strict_mode_buggy_font": True,
        "job_timeout_in_seconds": 60,
        "do_not_cache": True,
        "page_separator": "\n== {pageNumber} ==\n",
        "page_prefix": "<",
        "page_suffix": ">",
        "hide_headers": False,
        "hide_footers": True,
        "replace_failed_page_mode": "blank_page",
        "output_tables_as_HTML": True,
        "something_else": "is kept elsewhere",
    }
    found = effective_parameters(JobType.PARSE, parse_v2_parameters(options))
    assert found["processing_options"]["ocr_parameters"] == {"languages": ["de"]}
    assert found["disable_cache"] is True
    assert (found["hide_headers"], found["hide_footers"]) == (False, True)
    assert found["output_options"]["markdown"]["tables"]["output_tables_as_markdown"] is False
    assert found["processing_control"]["job_failure_conditions"]["allowed_page_failure_ratio"] > 0


def test_secrets_are_hidden_at_any_depth() -> None:
    config = {"parameters": {"azure_openai_key": "s", "webhook": [{"signing_secret": "s"}], "x": 1}}
    for name in ("auth_header", "AWS_SECRET_ACCESS_KEY", "privateKey", "passphrase", "auth"):
        assert without_secrets({name: "s"}) == {name: "***"}
    for name in ("author", "keywords", "monkey", "max_tokens", "turkey"):
        assert without_secrets({name: "s"}) == {name: "s"}
    hidden = without_secrets(config)
    assert hidden == {
        "parameters": {"azure_openai_key": "***", "webhook": [{"signing_secret": "***"}], "x": 1}
    }


def test_webhook_secrets_are_hidden_at_every_place() -> None:
    endpoint = {
        "webhook_url": "https://user:s3cret@hooks.example/s3cret/path?token=s3cret",
        "webhook_headers": {"Authorization": "Bearer s3cret", "X-Team": "s3cret"},
        "webhook_events": ["parse.success"],
        "webhook_signing_secret": "s3cret",
    }
    config = {
        "webhook_url": "https://hooks.example/?token=s3cret",
        "parameters": {
            "webhook_url": "https://hooks.example#s3cret",
            "webhook_configurations": [endpoint, {"webhook_url": "https://[s3cret"}],
            "http_proxy": "http://user:s3cret@proxy.example:3128",
            "input_url": "https://files.example/a.pdf?sig=s3cret",
        },
    }
    hidden = without_secrets(config)
    assert "s3cret" not in str(hidden)
    assert hidden["webhook_url"] == "https://hooks.example/***"
    shown = hidden["parameters"]["webhook_configurations"][0]
    assert shown["webhook_headers"] == {"Authorization": "***", "X-Team": "***"}
    assert shown["webhook_events"] == ["parse.success"]
    assert hidden["parameters"]["input_url"] == "https://files.example/a.pdf/***"


@pytest.mark.parametrize("value", ["a b", "https://example.com/a.pdf", 7, None, "", ["x"]])
def test_redaction_keeps_values_that_are_not_secret(value: object) -> None:
    assert without_secrets({"custom": value, "priority": "low"}) == {
        "custom": value,
        "priority": "low",
    }


def test_processing_results_hide_secrets_stored_by_earlier_versions() -> None:
    config = {"webhook_url": "https://hooks.example/s3cret"}
    one = Processed(
        item_id="dfl-1",
        name="a.txt",
        job_id="pjb-1",
        job_type="parse",
        config=config,
        parameters={},
        parameters_hash="p",
        result_id="res-1",
        object_prefix="results/1",
        processed_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert "s3cret" not in processed_view(one, "local:/").model_dump_json()
