"""What the parameters of all products share."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Refuses unknown keys, so that a typing error never runs silently with defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True)
