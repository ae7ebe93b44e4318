"""Request and response models of configurations."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from docmill.api.core.wire import RequestModel, WireModel
from docmill.api.webhooks.schemas import InlineWebhook

ProductType = Literal[
    "split_v1", "extract_v2", "classify_v2", "parse_v2", "spreadsheet_v1", "unknown"
]
ConfigurationName = Annotated[str, Field(min_length=1, max_length=255)]


class ConfigurationView(WireModel):
    """Named, versioned parameters of one product."""

    id: str
    name: str
    product_type: ProductType
    version: str
    parameters: dict[str, Any]
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @field_validator("parameters")
    @classmethod
    def _no_secrets(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        """Remove the signing secrets of webhooks."""
        hooks = parameters.get("webhook_configurations")
        if not isinstance(hooks, list):
            return parameters
        shown = [
            {key: value for key, value in hook.items() if key != "webhook_signing_secret"}
            if isinstance(hook, dict)
            else hook
            for hook in hooks
        ]
        return parameters | {"webhook_configurations": shown}


class Parameters(RequestModel, extra="allow"):
    """Parameters of one product; the product's own model checks the rest."""

    product_type: ProductType
    webhook_configuration_ids: Annotated[list[str], Field(max_length=4)] | None = None
    webhook_configurations: Annotated[list[InlineWebhook], Field(max_length=16)] | None = None


class ConfigurationCreate(RequestModel):
    """A new configuration, or a new version of the one with this name and product."""

    name: ConfigurationName
    parameters: Parameters


class ConfigurationUpdate(RequestModel):
    """Changes of a configuration; omitted fields keep their values."""

    name: ConfigurationName | None = None
    parameters: Parameters | None = None
