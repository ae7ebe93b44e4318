"""Parameters of extractions, and which schemas are accepted."""

import json
from pathlib import Path
from typing import Any

import pytest

from docmill.contracts.words import JobType
from docmill.errors import UsageError
from docmill.parameters import effective_parameters, parameters_hash
from docmill.parameters.extract_schema import (
    MAX_CHARACTERS,
    MAX_NESTING,
    checked_schema,
    first_error,
)

TOTAL = {"type": "object", "properties": {"total": {"type": "number"}}}
HOSTILE = "(a|aa)+$"


def _effective(**parameters: Any) -> dict[str, Any]:
    return effective_parameters(JobType.EXTRACT, parameters)


def _nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"not": schema}
    return {"type": "object", "properties": {"a": schema}}


def _doubling(levels: int) -> dict[str, Any]:
    """A small schema of which 2**levels parts apply to one value."""
    reference = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)}
    root = {"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}}
    return {**root, "$defs": {**reference, f"d{levels}": {"type": "string"}}}


def test_defaults_are_filled_in_so_equal_jobs_share_a_result() -> None:
    short = _effective(data_schema=TOTAL)
    long = _effective(
        product_type="extract_v2",
        data_schema=TOTAL,
        tier="cost_effective",
        cite_sources=False,
        target_pages=None,
    )

    assert short == long
    assert parameters_hash(short) == parameters_hash({**long, "disable_cache": True})
    assert parameters_hash(short) != parameters_hash({**long, "cite_sources": True})


def test_nulls_inside_a_schema_are_kept() -> None:
    schema = {**TOTAL, "default": None, "examples": [None], "enum": [None, {"total": None}]}

    assert _effective(data_schema=schema)["data_schema"] == schema


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, "data_schema"),
        ({"data_schema": TOTAL, "tier": "fast"}, "tier"),
        ({"data_schema": TOTAL, "extraction_target": "per_word"}, "extraction_target"),
        ({"data_schema": TOTAL, "target_pages": "1-"}, "target_pages"),
        ({"data_schema": TOTAL, "max_pages": 0}, "max_pages"),
        ({"data_schema": TOTAL, "engine": "local"}, "engine"),
        ({"data_schema": TOTAL, "cite": True}, "cite"),
        ({"data_schema": {"type": "object"}}, "data_schema is wrong: The schema cannot be used"),
    ],
)
def test_invalid_parameter_is_named_in_the_error(parameters: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError) as refusal:
        _effective(**parameters)

    assert named in refusal.value.message


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "array", "items": TOTAL}, "its root"),
        ({}, "its root"),
        ({"type": "object"}, "names no field"),
        ({"type": "object", "properties": {"a": {"type": "strin"}}}, "at properties.a.type"),
        ({"type": "object", "properties": {"a": {"pattern": "("}}}, "at properties.a.pattern"),
        ({"type": "object", "properties": {"a": {"items": [TOTAL]}}}, "at properties.a.items"),
        ({"properties": {"a": {"$ref": "https://example.com/a.json"}}}, "another document"),
        ({"properties": {"a": {"$ref": "#/$defs/b"}}}, "leads nowhere"),
        ({"properties": {"a": {"$ref": "#/x"}}, "x": {"type": "odd"}}, "at type"),
        ({"properties": {"a": {"$id": "https://example.com/a", "type": "string"}}}, "an $id"),
        ({"properties": {"a": {"$ref": "#/properties/a"}}}, "back to itself"),
        ({"properties": {"a": {"anyOf": [{"$ref": "#/properties/a"}]}}}, "back to itself"),
        (_doubling(20), "too many of its parts"),
        (_nested(MAX_NESTING), "deeper"),
        ({"properties": {"a": {"description": "x" * MAX_CHARACTERS}}}, "characters"),
        ({"properties": {"a": {"const": float("nan")}}}, "not JSON"),
    ],
)
def test_invalid_schema_is_rejected_with_its_location(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as refusal:
        checked_schema(schema)

    assert said in refusal.value.message


def test_property_may_have_the_name_of_a_keyword() -> None:
    names = {"$ref": {"type": "string"}, "$id": {"type": "string"}, "enum": {"type": "string"}}

    assert checked_schema({"properties": names}) == {"type": "object", "properties": names}


def test_recursive_model_is_accepted_with_its_fields_at_the_root() -> None:
    part = {
        "type": "object",
        "properties": {"parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}}},
        "required": ["parts"],
    }

    schema = checked_schema({"$ref": "#/$defs/Part", "$defs": {"Part": part}})

    assert schema["properties"] == part["properties"]
    assert first_error(schema, {"parts": [{"parts": []}]}) is None
    assert first_error(schema, {"parts": [{"parts": [{}]}]}) == (
        "at parts[0].parts[0]: 'parts' is a required property"
    )


def test_older_schemas_keep_their_definitions() -> None:
    schema = checked_schema(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {"day": {"$ref": "#/definitions/day"}},
            "definitions": {"day": {"type": "string"}},
        }
    )

    assert first_error(schema, {"day": 5}) == "at day: 5 is not of type 'string'"


def test_catastrophic_pattern_is_stopped() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": HOSTILE}}}

    assert "takes too long" in str(first_error(checked_schema(schema), {"a": "a" * 60 + "!"}))


def test_schemas_of_real_documents_are_accepted(corpus: Path) -> None:
    for path in sorted((corpus / "extract").glob("*.schema.json")):
        schema = json.loads(path.read_text())

        assert checked_schema(schema) == schema
