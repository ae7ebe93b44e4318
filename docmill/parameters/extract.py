"""Parameters of the extract product, in LlamaCloud's ``extract_v2`` vocabulary."""

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
    # Loaded for the first schema: commands and engines that extract nothing start without it.
    from docmill.parameters.extract_schema import checked_schema  # noqa: PLC0415

    try:
        return checked_schema(value)
    except UsageError as error:
        raise PydanticCustomError(
            "json_schema", "{reason}", {"reason": error.message.rstrip(".")}
        ) from None


DataSchema = Annotated[dict[str, Any], AfterValidator(_schema)]


class ExtractParameters(StrictModel):
    """Everything that an extract job can be asked for; defaults are LlamaCloud's."""

    data_schema: DataSchema
    """The JSON Schema of what is extracted, in Draft 2020-12; its root is an object."""
    tier: ExtractTier = "cost_effective"
    version: str = "latest"
    extraction_target: Target = "per_doc"
    cite_sources: bool = False
    """The result says for each value on which page it stands, and in which words."""
    confidence_scores: bool = False
    """The result says for each value how likely it is right."""
    advanced_citations: bool | None = None
    system_prompt: str | None = Field(default=None, max_length=MAX_PROMPT)
    target_pages: TargetPages | None = None
    """1-based, ``"1,3,5-8"``; wins over ``max_pages``."""
    max_pages: int | None = Field(default=None, ge=1)
    parse_tier: Tier | None = None
    parse_config_id: str | None = None
    disable_cache: bool = False
    spreadsheet_mode: bool = False
    sheet_names: list[str] | None = Field(default=None, max_length=MAX_SHEETS)
    engine: Literal["basic", "llm", "llamacloud"] | None = None
    """Docmill's addition: which engine; by default what is configured decides."""
    parse_parameters: ParseParameters | None = None
    """Docmill's addition: how the text is read; ``parse_config_id`` fills it in at creation."""
