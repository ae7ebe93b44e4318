"""Parameters of classify jobs: LlamaCloud's ``classify_v2``."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from docmill.parameters.parse import StrictModel, TargetPages

MAX_RULES = 200
"""Docmill's own limit: words do not distinguish more types than this."""
DEFAULT_MAX_PAGES = 5
"""Pages that are read by default: the type of a document shows on its first pages."""


class ClassifyRule(StrictModel):
    """A document type and its description by the user."""

    type: Annotated[str, Field(min_length=1, max_length=50)]
    description: Annotated[str, Field(min_length=10, max_length=2_000)]


def _or_default(value: Any) -> Any:
    return DEFAULT_MAX_PAGES if value is None else value


class ParsingConfiguration(StrictModel):
    """Which pages of a document are read; ``target_pages`` (1-based) overrides ``max_pages``."""

    lang: str = "en"
    max_pages: Annotated[int, Field(ge=1), BeforeValidator(_or_default)] = DEFAULT_MAX_PAGES
    target_pages: TargetPages | None = None


def _or_defaults(value: Any) -> Any:
    return {} if value is None else value


class ClassifyParameters(StrictModel):
    """All parameters of a classify job."""

    rules: Annotated[list[ClassifyRule], Field(min_length=1, max_length=MAX_RULES)]
    mode: Literal["FAST"] = "FAST"
    parsing_configuration: Annotated[ParsingConfiguration, BeforeValidator(_or_defaults)] = (
        ParsingConfiguration()
    )
    engine: Literal["basic", "llm", "llamacloud"] | None = None
    """Docmill's addition: the engine; by default that of the settings."""
    disable_cache: bool | None = None
    """Docmill's addition: do not reuse an earlier result."""
