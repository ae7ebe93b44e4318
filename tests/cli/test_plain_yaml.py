"""Values of options: dates and booleans of YAML 1.1 stay text; ids with unusual characters."""

from typing import Any

import pytest

from docmill.cli.api_calls import below, value_of
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
        ("{a: &a [1], b: *a}", {"a": [1], "b": [1]}),
    ],
)
def test_plain_values_are_read_as_in_json(text: str, value: Any) -> None:
    assert value_of(text, "--job-config") == value


@pytest.mark.parametrize(
    "text", ["{a: ", "!!python/object:os.system {}", "[" * 5_000, "{[1]: 2}", "{a: &a [*a]}"]
)
def test_unreadable_value_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="--job-config"):
        value_of(text, "--job-config")


@pytest.mark.parametrize("identifier", ["", ".", "..", "a/../b", "a\nb", "\udcff"])
def test_id_that_would_change_the_path_is_a_usage_error(identifier: str) -> None:
    with pytest.raises(UsageError, match="is no id"):
        below("/batches", identifier)


def test_id_is_escaped_to_one_segment_of_the_path() -> None:
    assert below("/batches", "a?b#c%2F") == "/batches/a%3Fb%23c%252F"
