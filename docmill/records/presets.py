"""Built-in configurations: one for each tier of parsing; they cannot be changed."""

from datetime import UTC, datetime

from docmill.records.tables.sources import Configuration

PARSE_TIERS = ("fast", "cost_effective", "agentic", "agentic_plus")
_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
"""Their version says that they never change."""


def preset_id(tier: str) -> str:
    """Return the id of the preset of a tier."""
    return f"cfg-PARSE_{tier.upper()}"


def preset(configuration_id: str) -> Configuration | None:
    """Return the preset of this id as an unsaved row, or None when there is none."""
    for tier in PARSE_TIERS:
        if configuration_id == preset_id(tier):
            return Configuration(
                id=configuration_id,
                name=f"PARSE_{tier.upper()}",
                product_type="parse_v2",
                version=_SINCE.isoformat(),
                parameters={"product_type": "parse_v2", "tier": tier, "version": "latest"},
                created_at=_SINCE,
                updated_at=_SINCE,
            )
    return None
