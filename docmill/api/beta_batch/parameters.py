"""Translation of v1's parse options to ``parse_v2``, and of its rules to ``classify_v2``.

Options without a counterpart are stored with the batch and have no effect; the compatibility page
lists them.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from docmill.api.core.errors import FieldError

_WHERE = ("body", "job_config", "parameters")
_SECRET = re.compile(
    r"((^|_|api|access|private)key|secret|password|passwd|passphrase|token|credentials?|cookie"
    r"|(^|_)auth(_?header)?|authorization|signature)$",
    re.IGNORECASE,
)
_URL = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_HIDDEN = "***"

_PARSE_MODES = {
    "parse_page_without_llm": "fast",
    "parse_page_with_llm": "cost_effective",
    "parse_document_with_llm": "cost_effective",
    "parse_page_with_lvm": "agentic",
    "parse_page_with_agent": "agentic",
    "parse_page_with_layout_agent": "agentic",
    "parse_document_with_lvm": "agentic",
    "parse_document_with_agent": "agentic_plus",
}

_TABLES = ("output_options", "markdown", "tables")

_PLACES: dict[str, tuple[str, ...]] = {
    "version": ("version",),
    "disable_ocr": ("disable_ocr",),
    "max_pages": ("page_ranges", "max_pages"),
    "bbox_top": ("crop_box", "top"),
    "bbox_right": ("crop_box", "right"),
    "bbox_bottom": ("crop_box", "bottom"),
    "bbox_left": ("crop_box", "left"),
    "annotate_links": ("output_options", "markdown", "annotate_links"),
    "inline_images_in_markdown": ("output_options", "markdown", "inline_images"),
    "compact_markdown_table": (
        "output_options",
        "markdown",
        "tables",
        "compact_markdown_tables",
    ),
    "markdown_table_multiline_header_separator": (
        "output_options",
        "markdown",
        "tables",
        "markdown_table_multiline_separator",
    ),
    "merge_tables_across_pages_in_markdown": (
        "output_options",
        "markdown",
        "tables",
        "merge_continued_tables",
    ),
    "preserve_layout_alignment_across_pages": (
        "output_options",
        "spatial_text",
        "preserve_layout_alignment_across_pages",
    ),
    "preserve_very_small_text": ("output_options", "spatial_text", "preserve_very_small_text"),
    "do_not_unroll_columns": ("output_options", "spatial_text", "do_not_unroll_columns"),
    "images_to_save": ("output_options", "images_to_save"),
    "extract_printed_page_number": ("output_options", "extract_printed_page_number"),
    "output_pdf_of_document": ("output_options", "save_output_pdf"),
    "guess_xlsx_sheet_name": ("output_options", "tables_as_spreadsheet", "guess_sheet_name"),
    "html_make_all_elements_visible": ("input_options", "html", "make_all_elements_visible"),
    "html_remove_fixed_elements": ("input_options", "html", "remove_fixed_elements"),
    "html_remove_navigation_elements": ("input_options", "html", "remove_navigation_elements"),
    "spreadsheet_extract_sub_tables": (
        "input_options",
        "spreadsheet",
        "detect_sub_tables_in_sheets",
    ),
    "spreadsheet_force_formula_computation": (
        "input_options",
        "spreadsheet",
        "force_formula_computation_in_sheets",
    ),
    "spreadsheet_include_hidden_sheets": (
        "input_options",
        "spreadsheet",
        "include_hidden_sheets",
    ),
    "presentation_out_of_bounds_content": (
        "input_options",
        "presentation",
        "out_of_bounds_content",
    ),
    "presentation_skip_embedded_data": ("input_options", "presentation", "skip_embedded_data"),
    "page_separator": ("page_separator",),
    "page_prefix": ("page_prefix",),
    "page_suffix": ("page_suffix",),
    "hide_headers": ("hide_headers",),
    "hide_footers": ("hide_footers",),
    "replace_failed_page_mode": ("replace_failed_page_mode",),
    "skip_diagonal_text": ("processing_options", "ignore", "ignore_diagonal_text"),
    "remove_hidden_text": ("processing_options", "ignore", "ignore_hidden_text"),
    "languages": ("processing_options", "ocr_parameters", "languages"),
    "aggressive_table_extraction": ("processing_options", "aggressive_table_extraction"),
    "confidence_score_effort": ("processing_options", "confidence_score_effort"),
    "enable_cost_optimizer": ("processing_options", "cost_optimizer", "enable"),
    "page_error_tolerance": (
        "processing_control",
        "job_failure_conditions",
        "allowed_page_failure_ratio",
    ),
    "strict_mode_image_extraction": (
        "processing_control",
        "job_failure_conditions",
        "fail_on_image_extraction_error",
    ),
    "strict_mode_image_ocr": (
        "processing_control",
        "job_failure_conditions",
        "fail_on_image_ocr_error",
    ),
    "strict_mode_reconstruction": (
        "processing_control",
        "job_failure_conditions",
        "fail_on_markdown_reconstruction_error",
    ),
    "strict_mode_buggy_font": (
        "processing_control",
        "job_failure_conditions",
        "fail_on_buggy_font",
    ),
    "job_timeout_in_seconds": ("processing_control", "timeouts", "base_in_seconds"),
    "job_timeout_extra_time_per_page_in_seconds": (
        "processing_control",
        "timeouts",
        "extra_time_per_page_in_seconds",
    ),
}
"""Location in ``parse_v2`` of each v1 option that has the same values there."""


def parse_v2_parameters(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return v1 ``options`` as ``parse_v2`` parameters.

    Raises:
        FieldError: ``target_pages`` or ``parse_mode`` is invalid.
    """
    given = {key: value for key, value in options.items() if value is not None}
    found: dict[str, Any] = {"tier": _tier(given)}
    for name, place in _PLACES.items():
        if name in given:
            _put(found, place, given[name])
    if "languages" not in given and given.get("lang", "en") != "en":
        _put(found, _PLACES["languages"], [given["lang"]])
    if "output_tables_as_HTML" in given:
        markdown = not given["output_tables_as_HTML"]
        _put(found, (*_TABLES, "output_tables_as_markdown"), markdown)
    if given.get("do_not_cache") or given.get("invalidate_cache"):
        found["disable_cache"] = True
    if given.get("page_error_tolerance") == 0:
        # parse_v2 does not allow 0; a ratio below one page of any document has the same effect.
        _put(found, _PLACES["page_error_tolerance"], 1e-9)
    if str(given.get("target_pages", "")).strip():
        _put(found, ("page_ranges", "target_pages"), _one_based(str(given["target_pages"])))
    return found


def classify_v2_parameters(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return v1's rules as ``classify_v2`` parameters, which have one mode for v1's two."""
    parsing = {k: v for k, v in (config.get("parsing_configuration") or {}).items() if v}
    if "target_pages" in parsing:
        parsing["target_pages"] = ",".join(str(page + 1) for page in parsing["target_pages"])
    return {"rules": config["rules"], "parsing_configuration": parsing}


def without_secrets(value: Any, key: str = "") -> Any:
    """Return ``value``, the value of ``key``, with every secret masked.

    Secrets are keys, passwords, values of headers, and the user and query of a URL. The path of a
    webhook's URL is a secret too: many services give each receiver an unguessable path.
    """
    if value and _SECRET.search(key):
        return _HIDDEN
    if isinstance(value, Mapping):
        if key.lower().endswith("headers"):
            return dict.fromkeys(value, _HIDDEN)
        return {name: without_secrets(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_secrets(inner, key) for inner in value]
    if isinstance(value, str) and _URL.match(value):
        return _without_url_secrets(value, with_path="webhook" not in key.lower())
    return value


def _without_url_secrets(url: str, *, with_path: bool) -> str:
    try:
        parts = urlsplit(url.strip())
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return _HIDDEN
    shown = urlunsplit((parts.scheme, host, parts.path if with_path else "", "", ""))
    return shown if shown == url.strip() else f"{shown}/{_HIDDEN}"


def _tier(given: Mapping[str, Any]) -> str:
    if "tier" in given:
        return str(given["tier"])
    if given.get("premium_mode"):
        return "agentic"
    if given.get("fast_mode"):
        return "fast"
    mode = given.get("parse_mode")
    if mode is not None and mode not in _PARSE_MODES:
        raise FieldError(
            f"parse_mode must be one of {', '.join(_PARSE_MODES)}.", *_WHERE, "parse_mode"
        )
    return _PARSE_MODES.get(str(mode), "cost_effective")


def _put(target: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    *way, last = place
    for step in way:
        target = target.setdefault(step, {})
    target[last] = value


def _one_based(pages: str) -> str:
    """Return 1-based page numbers; v1 counts from 0."""
    if not re.fullmatch(r"\s*\d{1,9}\s*(-\s*\d{1,9}\s*)?(,\s*\d{1,9}\s*(-\s*\d{1,9}\s*)?)*", pages):
        raise FieldError('target_pages must look like "0,2-5".', *_WHERE, "target_pages")
    return re.sub(r"\d+", lambda number: str(int(number[0]) + 1), pages.replace(" ", ""))
