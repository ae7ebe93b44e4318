"""Parameters of the classify product, in LlamaCloud's ``classify_v2`` vocabulary."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from docmill.parameters.parse import StrictModel, TargetPages

MAX_RULES = 200
"""Docmill's own bound: more types than that are not told apart by their words."""
DEFAULT_MAX_PAGES = 5
"""Pages that are read when none are named: what a document is shows at its beginning."""


class ClassifyRule(StrictModel):
    """A type that documents may have, in the user's words."""

    type: Annotated[str, Field(min_length=1, max_length=50)]
    description: Annotated[str, Field(min_length=10, max_length=2_000)]


def _or_default(value: Any) -> Any:
    return DEFAULT_MAX_PAGES if value is None else value


class ParsingConfiguration(StrictModel):
    """How much of a document is read; ``target_pages`` (1-based) wins over ``max_pages``."""

    lang: str = "en"
    max_pages: Annotated[int, Field(ge=1), BeforeValidator(_or_default)] = DEFAULT_MAX_PAGES
    target_pages: TargetPages | None = None


def _or_defaults(value: Any) -> Any:
    return {} if value is None else value


class ClassifyParameters(StrictModel):
    """Everything that a classify job can be asked for."""

    rules: Annotated[list[ClassifyRule], Field(min_length=1, max_length=MAX_RULES)]
    mode: Literal["FAST"] = "FAST"
    parsing_configuration: Annotated[ParsingConfiguration, BeforeValidator(_or_defaults)] = (
        ParsingConfiguration()
    )
    engine: Literal["basic", "llm", "llamacloud"] | None = None
    """Docmill's addition: what classifies; by default what the settings say."""
    disable_cache: bool | None = None
    """Docmill's addition: classify again what was classified before."""
