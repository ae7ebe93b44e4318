"""What a parse job is created with."""

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from docmill.api.schemas.webhooks import InlineWebhook
from docmill.api.wire import RequestModel, UserMetadata

Options = dict[str, Any] | None

CONFIGURED = "configured"
"""What users pass as tier and version, which the clients demand, beside a configuration."""


class ParseOptions(RequestModel):
    """Options of a parse, in the vocabulary of ``parse_v2``; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid")

    tier: str | None = None
    version: str | None = None
    configuration_id: str | None = None
    page_ranges: Options = None
    crop_box: Options = None
    output_options: Options = None
    input_options: Options = None
    processing_options: Options = None
    processing_control: Options = None
    agentic_options: Options = None
    fast_options: Options = None
    disable_cache: bool | None = None
    client_name: str | None = None
    http_proxy: str | None = None
    user_metadata: UserMetadata | None = None
    webhook_configuration_ids: Annotated[list[str], Field(max_length=4)] | None = None
    webhook_configurations: Annotated[list[InlineWebhook], Field(max_length=16)] | None = None

    @model_validator(mode="after")
    def _tier_or_configuration(self) -> Self:
        if self.configuration_id is None and (not self.tier or not self.version):
            raise ValueError("give tier and version, or configuration_id")
        return self

    def parameters(self) -> dict[str, Any]:
        """Return what is the engine's business, without what is the job's."""
        job_fields = {
            "configuration_id",
            "http_proxy",
            "user_metadata",
            "webhook_configuration_ids",
            "webhook_configurations",
            "file_id",
            "source_url",
        }
        given = self.model_dump(exclude=job_fields, exclude_none=True)
        return {key: value for key, value in given.items() if value != CONFIGURED}


class ParseCreate(ParseOptions):
    """A parse job over an uploaded file, or over a URL that a worker fetches."""

    file_id: str | None = None
    source_url: Annotated[str, Field(pattern="^https?:", max_length=4_000)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.file_id is None) == (self.source_url is None):
            raise ValueError("give either file_id or source_url")
        return self
