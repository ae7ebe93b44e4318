"""Parse parameters as the local engines understand them, and warnings about the others.

The vocabulary is that of `docmill.parameters.ParseParameters`. A given parameter without effect is
named in a warning of the result, unless it applies only to other kinds of files.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from docmill.contracts.media_types import IMAGES, OFFICE, PAGED, PRESENTATIONS, SPREADSHEETS, Media
from docmill.contracts.warnings import ResultWarning, WarningCode, warning
from docmill.engines.accounting import DEFAULT_ALLOWED_FAILURE_RATIO
from docmill.engines.base import Engine, Limits
from docmill.engines.selection import PageSelection

TIER = "tier"
MAX_PAGES = "page_ranges.max_pages"
TARGET_PAGES = "page_ranges.target_pages"
ALLOWED_RATIO = "processing_control.job_failure_conditions.allowed_page_failure_ratio"
DISABLE_OCR = "disable_ocr"
BASE_SECONDS = "processing_control.timeouts.base_in_seconds"
OCR_LANGUAGES = "processing_options.ocr_parameters.languages"
CROP_BOX = "crop_box"
SKIP_DIAGONAL_TEXT = "processing_options.ignore.ignore_diagonal_text"
KEEP_SMALL_TEXT = "output_options.spatial_text.preserve_very_small_text"

HIDE_HEADERS = "hide_headers"
HIDE_FOOTERS = "hide_footers"
IGNORE_TEXT_IN_IMAGES = "processing_options.ignore.ignore_text_in_image"
ANNOTATE_LINKS = "output_options.markdown.annotate_links"
PRINTED_PAGE_NUMBER = "output_options.extract_printed_page_number"
SCREENSHOTS = "output_options.images_to_save.screenshot"
EMBEDDED_IMAGES = "output_options.images_to_save.embedded"
FAIL_ON_IMAGE = "processing_control.job_failure_conditions.fail_on_image_extraction_error"
WORDS = "output_options.additional_outputs.word_bbox"
STRIPPED_MARKDOWN = "output_options.additional_outputs.stripped_md"
CONCATENATED_TEXT = "output_options.additional_outputs.concatenated_stripped_txt"
OUTPUT_PDF = "output_options.save_output_pdf"

HONOURED_FOR_EVERY_ENGINE = frozenset(
    {
        TIER,
        MAX_PAGES,
        TARGET_PAGES,
        ALLOWED_RATIO,
        STRIPPED_MARKDOWN,
        CONCATENATED_TEXT,
        OUTPUT_PDF,
        "page_separator",
        "page_prefix",
        "page_suffix",
        "replace_failed_page_mode.blank_page",
        "replace_failed_page_mode.error_message",
        "processing_control.timeouts",
        "output_options.markdown.tables.compact_markdown_tables",
        "output_options.markdown.tables.output_tables_as_markdown",
        "output_options.markdown.tables.markdown_table_multiline_separator",
        # Part of tables_as_spreadsheet.enable; no effect without it.
        "output_options.tables_as_spreadsheet.guess_sheet_name",
    }
)
"""Parameters that page accounting, result shaping and isolation handle for every engine."""

_CHOICES = frozenset(
    {
        "output_options.images_to_save",
        "output_options.additional_outputs",
        "output_options.granular_bboxes",
        "replace_failed_page_mode",
    }
)
"""Parameters whose values are supported individually; each value is a separate path."""

NOT_ABOUT_THE_RESULT = frozenset(
    {
        "product_type",
        "version",
        "client_name",
        "disable_cache",
        "engine",
        "webhook_configurations",
    }
)
"""Parameters of other packages. A local engine has one version: the installed one."""

_CONCERNS: tuple[tuple[str, frozenset[Media]], ...] = (
    (DISABLE_OCR, PAGED),
    (CROP_BOX, PAGED),
    ("processing_options.ocr_parameters", PAGED),
    ("processing_options.ignore", PAGED),
    ("processing_options.forms", frozenset({Media.PDF})),
    ("output_options.spatial_text", PAGED),
    ("output_options.granular_bboxes", PAGED),
    ("output_options.images_to_save", PAGED | OFFICE),
    (WORDS, PAGED),
    (HIDE_HEADERS, PAGED | OFFICE),
    (HIDE_FOOTERS, PAGED | OFFICE),
    (ANNOTATE_LINKS, PAGED | OFFICE),
    ("output_options.extract_printed_page_number", PAGED),
    ("input_options.html", frozenset({Media.HTML})),
    ("input_options.pdf", frozenset({Media.PDF})),
    ("input_options.spreadsheet", SPREADSHEETS),
    ("input_options.presentation", PRESENTATIONS),
    ("input_options.image", IMAGES),
)
"""Kinds of files to which a parameter applies. Other parameters apply to all kinds."""

_FAST = "fast"
_DEFAULT_TIER = "cost_effective"
_LOCAL_TIERS = frozenset({_FAST, _DEFAULT_TIER})


@dataclass(frozen=True, slots=True)
class ParseRequest:
    """The parameters that every engine and the page accounting need.

    Attributes:
        tier: requested tier.
        ocr: whether to recognise text on pages without a text layer.
        pages: requested pages.
        allowed_failure_ratio: maximum share of failed pages of a complete result, 0..1.
    """

    tier: str
    ocr: bool
    pages: PageSelection
    allowed_failure_ratio: float

    @classmethod
    def read(cls, parameters: dict[str, Any]) -> "ParseRequest":
        """Parse ``parameters``, with the defaults of LlamaCloud.

        Raises:
            UsageError: ``target_pages`` is invalid.
        """
        given = dict(leaves(parameters))
        tier = str(given.get(TIER, _DEFAULT_TIER))
        ratio = given.get(ALLOWED_RATIO, DEFAULT_ALLOWED_FAILURE_RATIO)
        return cls(
            tier=tier,
            ocr=tier != _FAST and DISABLE_OCR not in given and IGNORE_TEXT_IN_IMAGES not in given,
            pages=PageSelection.read(given.get(MAX_PAGES), given.get(TARGET_PAGES)),
            allowed_failure_ratio=float(ratio),
        )

    @property
    def warnings(self) -> tuple[ResultWarning, ...]:
        """A warning if the effective tier differs from the requested one."""
        if self.tier in _LOCAL_TIERS:
            return ()
        message = (
            f"The tier {self.tier} needs a remote engine; "
            f"this was parsed locally as {_DEFAULT_TIER}."
        )
        return (warning(WarningCode.PARAMETER_NOT_HONOURED, message),)


def not_honoured(
    parameters: dict[str, Any], engine: Engine, media_type: str
) -> Iterator[ResultWarning]:
    """Yield a warning for each given parameter that has no effect."""
    honoured = HONOURED_FOR_EVERY_ENGINE | NOT_ABOUT_THE_RESULT | engine.honours
    for path in requested(parameters):
        if not _covers(honoured, path) and _concerns(path, media_type):
            message = f"The parameter {path} is not honoured by the engine {engine.name}."
            yield warning(WarningCode.PARAMETER_NOT_HONOURED, message)


def time_cut(parameters: dict[str, Any], limits: Limits) -> Iterator[ResultWarning]:
    """Yield a warning when the operator's limit is below the requested time."""
    wanted = dict(leaves(parameters)).get(BASE_SECONDS, 0)
    if wanted > limits.seconds:
        message = f"{BASE_SECONDS} is {wanted}; the operator allows {limits.seconds:g} seconds."
        yield warning(WarningCode.PARAMETER_NOT_HONOURED, message)


def requested(parameters: dict[str, Any]) -> Iterator[str]:
    """Yield the dotted path of every requested parameter; a choice ends with its value."""
    for path, value in leaves(parameters):
        if path not in _CHOICES:
            yield path
        else:
            yield from (f"{path}.{one}" for one in (value if isinstance(value, list) else [value]))


def leaves(parameters: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield ``(dotted path, value)`` of every requested parameter.

    None, False and empty values request nothing.
    """
    for key, value in parameters.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from leaves(value, f"{path}.")
        elif value is not None and value is not False and value not in ("", [], ()):
            yield path, value


def _covers(paths: frozenset[str], path: str) -> bool:
    return any(path == known or path.startswith(f"{known}.") for known in paths)


def _concerns(path: str, media_type: str) -> bool:
    kinds = [kinds for known, kinds in _CONCERNS if _covers(frozenset({known}), path)]
    return not kinds or any(media_type in kind for kind in kinds)
