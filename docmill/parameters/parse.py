"""Parameters of parse jobs: LlamaCloud's ``parse_v2``."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Tier = Literal["fast", "cost_effective", "agentic", "agentic_plus"]
Ratio = Annotated[float, Field(ge=0, le=1)]
MAX_MARK = 1000
"""Maximum characters of a page separator, prefix or suffix, because every page repeats them."""
_TARGET_PAGES = r"^\s*\d+(-\d+)?(\s*,\s*\d+(-\d+)?)*\s*$"


def _existing_pages(value: str) -> str:
    for part in value.split(","):
        first, _, last = part.partition("-")
        if int(first) < 1 or int(last or first) < int(first):
            raise ValueError(f"{part.strip()!r} runs backwards or begins before page 1")
    return value


TargetPages = Annotated[
    str, Field(pattern=_TARGET_PAGES, max_length=10_000), AfterValidator(_existing_pages)
]
"""Page numbers and ranges, 1-based: ``1,3,5-8``."""


class StrictModel(BaseModel):
    """Base of parameters: unknown keys are rejected, so that a misspelt key never does nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PageRanges(StrictModel):
    """The pages to parse; ``target_pages`` (1-based, ``"1,3,5-8"``) overrides ``max_pages``."""

    max_pages: int | None = Field(default=None, ge=1)
    target_pages: TargetPages | None = None


class CropBox(StrictModel):
    """The region of each page that is parsed: distances from its edges as ratios of its size."""

    top: Ratio | None = None
    right: Ratio | None = None
    bottom: Ratio | None = None
    left: Ratio | None = None


class Tables(StrictModel):
    """How tables are written in Markdown."""

    compact_markdown_tables: bool | None = None
    output_tables_as_markdown: bool | None = None
    markdown_table_multiline_separator: str | None = None
    merge_continued_tables: bool | None = None


class MarkdownOptions(StrictModel):
    """How Markdown is written."""

    annotate_links: bool | None = None
    annotate_revisions: bool | None = None
    annotate_line_numbers: bool | None = None
    inline_images: bool | None = None
    tables: Tables | None = None


class SpatialText(StrictModel):
    """How plain text keeps the layout."""

    preserve_layout_alignment_across_pages: bool | None = None
    preserve_very_small_text: bool | None = None
    do_not_unroll_columns: bool | None = None


class TablesAsSpreadsheet(StrictModel):
    """Tables as a workbook next to the result."""

    enable: bool | None = None
    guess_sheet_name: bool = True


class OutputOptions(StrictModel):
    """What the result contains."""

    markdown: MarkdownOptions | None = None
    spatial_text: SpatialText | None = None
    tables_as_spreadsheet: TablesAsSpreadsheet | None = None
    images_to_save: list[Literal["screenshot", "embedded", "layout"]] | None = None
    extract_printed_page_number: bool | None = None
    additional_outputs: (
        list[Literal["stripped_md", "concatenated_stripped_txt", "word_bbox"]] | None
    ) = None
    granular_bboxes: list[Literal["cell", "line", "word"]] | None = None
    save_output_pdf: bool | None = None
    watermark_handling: Literal["remove", "move_to_end", "move_to_start"] | None = None


class HtmlInput(StrictModel):
    """How HTML is read."""

    make_all_elements_visible: bool | None = None
    remove_fixed_elements: bool | None = None
    remove_navigation_elements: bool | None = None


class PdfInput(StrictModel):
    """How PDF is read; LlamaCloud defines no field yet."""


class SpreadsheetInput(StrictModel):
    """How workbooks are read."""

    detect_sub_tables_in_sheets: bool | None = None
    force_formula_computation_in_sheets: bool | None = None
    include_hidden_sheets: bool | None = None


class PresentationInput(StrictModel):
    """How slides are read."""

    out_of_bounds_content: bool | None = None
    skip_embedded_data: bool | None = None
    include_hidden_slides: bool | None = None


class ImageInput(StrictModel):
    """How images are read."""

    camera_photo_correction: bool | None = None


class InputOptions(StrictModel):
    """How each kind of file is read."""

    html: HtmlInput | None = None
    pdf: PdfInput | None = None
    spreadsheet: SpreadsheetInput | None = None
    presentation: PresentationInput | None = None
    image: ImageInput | None = None


class Ignore(StrictModel):
    """Text to omit."""

    ignore_diagonal_text: bool | None = None
    ignore_hidden_text: bool | None = None
    ignore_text_in_image: bool | None = None


class OcrParameters(StrictModel):
    """Languages of the text in images, as ISO 639 codes; English by default."""

    languages: list[str] | None = None


class CostOptimizer(StrictModel):
    """Cheaper processing of simple pages."""

    enable: bool | None = None


class ProcessingOptions(StrictModel):
    """How pages are processed."""

    ignore: Ignore | None = None
    ocr_parameters: OcrParameters | None = None
    aggressive_table_extraction: bool | None = None
    disable_heuristics: bool | None = None
    confidence_score_effort: Literal["high"] | None = None
    specialized_chart_parsing: str | None = None
    cost_optimizer: CostOptimizer | None = None
    forms: Literal["default", "enrich"] | None = None
    auto_mode_configuration: list[dict[str, Any]] | None = None


class Timeouts(StrictModel):
    """Time limit of one file: a base, and an extra for each page, in seconds."""

    base_in_seconds: int | None = Field(default=None, ge=1, le=7200)
    extra_time_per_page_in_seconds: int | None = Field(default=None, ge=1, le=300)


class JobFailureConditions(StrictModel):
    """Conditions under which a job fails instead of completing partially."""

    allowed_page_failure_ratio: float | None = Field(default=None, gt=0, le=1)
    fail_on_image_extraction_error: bool | None = None
    fail_on_image_ocr_error: bool | None = None
    fail_on_markdown_reconstruction_error: bool | None = None
    fail_on_buggy_font: bool | None = None


class ProcessingControl(StrictModel):
    """Time limits and failure conditions."""

    timeouts: Timeouts | None = None
    job_failure_conditions: JobFailureConditions | None = None


class AgenticOptions(StrictModel):
    """Options of the agentic tiers."""

    custom_prompt: str | None = None


class FastOptions(StrictModel):
    """Options of the tier fast; LlamaCloud defines no field yet."""


class ParseParameters(StrictModel):
    """All parameters of a parse job, with Docmill's defaults."""

    tier: Tier = "cost_effective"
    version: str = "latest"
    page_ranges: PageRanges | None = None
    crop_box: CropBox | None = None
    output_options: OutputOptions | None = None
    input_options: InputOptions | None = None
    processing_options: ProcessingOptions | None = None
    processing_control: ProcessingControl | None = None
    agentic_options: AgenticOptions | None = None
    fast_options: FastOptions | None = None
    engine: Literal["local", "llamacloud"] | None = None
    """Docmill's addition: the engine; by default that of the settings."""
    disable_cache: bool | None = None
    disable_ocr: bool | None = None
    """From v1: disables OCR."""
    client_name: str | None = None
    page_separator: str | None = Field(default=None, max_length=MAX_MARK)
    """From v1: text between pages of the document; ``{pageNumber}`` is that of the next page."""
    page_prefix: str | None = Field(default=None, max_length=MAX_MARK)
    """From v1: text before each page of the document; ``{pageNumber}`` is that of the page."""
    page_suffix: str | None = Field(default=None, max_length=MAX_MARK)
    """From v1: text after each page of the document."""
    hide_headers: bool | None = None
    """From v1: page headers. True omits them from Markdown and text, False includes them in both.
    By default they are only in the text."""
    hide_footers: bool | None = None
    """The same for page footers."""
    replace_failed_page_mode: Literal["raw_text", "blank_page", "error_message"] | None = None
    """From v1: the replacement of a failed page in the document; by default none."""
