"""Presets: immutable built-in configurations, one for each tier of parsing."""

from datetime import UTC, datetime

from docmill.records.tables.sources import Configuration

PARSE_TIERS = ("fast", "cost_effective", "agentic", "agentic_plus")
_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
"""Fixed timestamp: presets are immutable."""


def preset_id(tier: str) -> str:
    """Return the id of the preset of a tier."""
    return f"cfg-PARSE_{tier.upper()}"


def preset(configuration_id: str) -> Configuration | None:
    """Return the preset with this id as an unsaved row, or None."""
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
