"""Options in YAML: text stays text where YAML 1.1 sees dates and booleans."""

from typing import Any

import pytest

from docmill.cli.api_calls import value_of
from docmill.errors import UsageError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{version: 2026-06-15}", {"version": "2026-06-15"}),
        ("{languages: [no, on, y, yes, off]}", {"languages": ["no", "on", "y", "yes", "off"]}),
        ("{a: true, b: null, c: 3}", {"a": True, "b": None, "c": 3}),
        ("{d: -1.5, e: 1e3}", {"d": -1.5, "e": 1e3}),
        ("{zip: 01234, time: 12:30:00}", {"zip": "01234", "time": "12:30:00"}),
        ("{hex: 0x1f, under: 1_000}", {"hex": "0x1f", "under": "1_000"}),
        ('{"a": [1, "2", {"b": false}]}', {"a": [1, "2", {"b": False}]}),
        ("{empty: , tilde: ~}", {"empty": None, "tilde": None}),
        ("{ключ: значение}", {"ключ": "значение"}),
        ("{<<: x, =: y}", {"<<": "x", "=": "y"}),
    ],
)
def test_plain_values_are_those_of_json(text: str, value: Any) -> None:
    assert value_of(text, "--job-config") == value


@pytest.mark.parametrize("text", ["{a: ", "!!python/object:os.system {}", "[" * 5_000, "{[1]: 2}"])
def test_value_that_cannot_be_read_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="--job-config"):
        value_of(text, "--job-config")
