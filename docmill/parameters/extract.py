"""Parameters of extract jobs: LlamaCloud's ``extract_v2``."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from docmill.errors import UsageError
from docmill.parameters.parse import ParseParameters, StrictModel, TargetPages, Tier

MAX_PROMPT = 50_000
MAX_SHEETS = 1_000

ExtractTier = Literal["cost_effective", "agentic", "agentic_plus", "turbo"]
Target = Literal["per_doc", "per_page", "per_table_row"]


def _schema(value: dict[str, Any]) -> dict[str, Any]:
    # Imported for the first schema: commands and engines that extract nothing start faster.
    from docmill.parameters.extract_schema import checked_schema  # noqa: PLC0415

    try:
        return checked_schema(value)
    except UsageError as error:
        raise PydanticCustomError(
            "json_schema", "{reason}", {"reason": error.message.rstrip(".")}
        ) from None


DataSchema = Annotated[dict[str, Any], AfterValidator(_schema)]


class ExtractParameters(StrictModel):
    """All parameters of an extract job, with LlamaCloud's defaults."""

    data_schema: DataSchema
    """The JSON Schema (Draft 2020-12) of the result; its root is an object."""
    tier: ExtractTier = "cost_effective"
    version: str = "latest"
    extraction_target: Target = "per_doc"
    cite_sources: bool = False
    """The result has the page and a quote for each value."""
    confidence_scores: bool = False
    """The result has a confidence for each value."""
    advanced_citations: bool | None = None
    system_prompt: str | None = Field(default=None, max_length=MAX_PROMPT)
    target_pages: TargetPages | None = None
    """1-based, ``"1,3,5-8"``; overrides ``max_pages``."""
    max_pages: int | None = Field(default=None, ge=1)
    parse_tier: Tier | None = None
    parse_config_id: str | None = None
    disable_cache: bool = False
    spreadsheet_mode: bool = False
    sheet_names: list[str] | None = Field(default=None, max_length=MAX_SHEETS)
    engine: Literal["basic", "llm", "llamacloud"] | None = None
    """Docmill's addition: the engine; by default that of the settings."""
    parse_parameters: ParseParameters | None = None
    """Docmill's addition: how the text is parsed; set from ``parse_config_id`` at creation."""
