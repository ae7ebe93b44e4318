"""The parts of an extraction: schemas, chunks, merging, citations, values."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from docmill.engines.base import ParsedPage
from docmill.engines.extract.base import Found, entry
from docmill.engines.extract.chunks import chunks_of
from docmill.engines.extract.citations import Quotes
from docmill.engines.extract.merge import MAX_CONFLICTS, merge
from docmill.engines.extract.schema import Shape, relaxed, rows_of
from docmill.engines.extract.strict import MAX_DEPTH, strict_form
from docmill.engines.extract.values import value_of
from docmill.parameters.extract_schema import checked_schema, first_error

TEXT = {"type": "string"}
MAYBE = {"type": ["string", "null"]}


def _object(required: tuple[str, ...] = (), /, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


# -- schemas -----------------------------------------------------------------------------------


def test_nulls_are_removed_when_the_schema_does_not_allow_them() -> None:
    schema = _object(
        ("must",),
        plain=TEXT,
        maybe=MAYBE,
        either={"anyOf": [{"type": "integer"}, {"type": "null"}]},
        named={"$ref": "#/$defs/person"},
        must=_object(name=TEXT),
        list={"type": "array", "items": TEXT},
    ) | {"$defs": {"person": _object(("name",), name=TEXT)}}
    empty = {
        "plain": None,
        "maybe": None,
        "either": None,
        "named": {"name": None},
        "must": {"name": None},
        "list": [None, "a"],
        "unknown": None,
    }

    found = Shape(schema).without_nulls(empty)

    assert found == {"maybe": None, "either": None, "must": {}, "list": ["a"], "unknown": None}


def test_part_of_a_document_may_lack_required_fields() -> None:
    schema = _object(
        ("a", "required"),
        a={"oneOf": [_object(("x",), x=TEXT), _object(("y",), y=TEXT)]},
        required={"type": "array", "items": TEXT, "minItems": 2},
    )

    loose = relaxed(schema)

    assert first_error(loose, {}) is None
    assert first_error(loose, {"a": {}, "required": []}) is None, "a field may have any name"
    assert first_error(loose, {"required": [1]}) is not None
    assert first_error(schema, {}) is not None, "the schema itself is as it was"


def test_list_entries_must_be_complete_in_every_part() -> None:
    row = {"$ref": "#/$defs/row"}
    schema = _object(
        ("best", "rows"), best=row, rows={"type": "array", "items": row, "minItems": 1}
    ) | {"$defs": {"row": _object(("name", "next"), name=TEXT, next={"$ref": "#/$defs/row"})}}

    loose = relaxed(checked_schema(schema))

    assert first_error(loose, {"best": {"next": {}}, "rows": []}) is None
    assert "rows[0]" in str(first_error(loose, {"rows": [{"name": "a"}]}))
    assert first_error(loose, {"best": {"next": {"name": 1}}}) is not None


def test_rows_keep_the_references_of_their_schema() -> None:
    schema = _object(
        ("name",),
        name={"$ref": "#/$defs/short"},
        child={"$ref": "#"},
        same={"$ref": "#/properties/name"},
    ) | {"$defs": {"short": {"type": "string", "maxLength": 2}}}

    rows = rows_of(checked_schema(schema))

    assert (
        first_error(rows, {"rows": [{"name": "ab", "child": {"name": "c"}, "same": "d"}]}) is None
    )
    assert "rows[0].child.name" in str(
        first_error(rows, {"rows": [{"name": "a", "child": {"name": "abc"}}]})
    )


def test_strict_schema_requires_every_field_and_allows_null() -> None:
    schema = _object(
        (),
        text=TEXT | {"pattern": "^x", "description": "a text"},
        choice={"enum": ["a", "b"]},
        either={"oneOf": [{"type": "integer"}, TEXT]},
        inner={"$ref": "#/$defs/inner"},
        list={"type": "array", "items": {"type": "number", "minimum": 0}},
    ) | {"$defs": {"inner": _object(name=MAYBE)}}

    form = strict_form(schema)

    assert form is not None
    Draft202012Validator.check_schema(form)
    assert form["properties"] == {
        "text": {"type": ["string", "null"], "description": "a text"},
        "choice": {"enum": ["a", "b", None]},
        "either": {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]},
        "inner": {
            "type": "object",
            "properties": {"name": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
            "required": ["name"],
            "additionalProperties": False,
        },
        "list": {"type": "array", "items": {"type": "number"}},
    }
    assert form["required"] == list(form["properties"])


def _nested(levels: int) -> dict[str, Any]:
    return _object(inner=_nested(levels - 1)) if levels else _object(a=TEXT)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "additionalProperties": TEXT},
        {"type": "object", "patternProperties": {"^x": TEXT}},
        _object(any={}),
        _object(any=True),
        _object(list={"type": "array"}),
        _object(both={"allOf": [_object(a=TEXT), _object(b=TEXT)]}),
        _object(again={"$ref": "#"}),
        _nested(MAX_DEPTH + 1),
        _object(**{f"f{n}": TEXT for n in range(1_001)}),
    ],
)
def test_open_schema_has_no_strict_form(schema: dict[str, Any]) -> None:
    assert strict_form(schema) is None


# -- chunks ------------------------------------------------------------------------------------


def test_pages_are_gathered_up_to_the_budget_in_order_with_their_numbers() -> None:
    pages = [
        ParsedPage(page_number=1, text="a" * 40),
        ParsedPage(page_number=2, text="b" * 40, markdown="**b**"),
        ParsedPage(page_number=3, success=False, text="failed"),
        ParsedPage(page_number=4, text="  "),
        ParsedPage(page_number=5, text="\n".join(["c" * 30] * 8)),
    ]

    chunks = chunks_of(pages, 100)

    assert [chunk.pages for chunk in chunks] == [[1, 2], [5], [5], [5]]
    assert chunks[0].parts[1].text == "**b**"
    assert all(sum(len(part.text) for part in chunk.parts) <= 100 for chunk in chunks)
    cut = [part.text for chunk in chunks[1:] for part in chunk.parts]
    assert "\n".join(cut) == pages[-1].text, "a long page is cut between its lines"


def test_line_longer_than_the_budget_is_split_without_loss() -> None:
    (page,) = [ParsedPage(page_number=1, text="x" * 250)]

    assert [len(chunk.parts[0].text) for chunk in chunks_of([page], 100)] == [100, 100, 50]


# -- merging -----------------------------------------------------------------------------------


def test_objects_are_merged_and_lists_joined_without_repeated_entries() -> None:
    first = Found({"a": None, "in": {"x": 1}, "list": [{"n": 1}, {"n": 1}]})
    second = Found({"a": "b", "in": {"y": 2}, "list": [{"n": 1}, {"n": 2}]})

    found = merge([first, second])

    assert found.data == {"a": "b", "in": {"x": 1, "y": 2}, "list": [{"n": 1}, {"n": 1}, {"n": 2}]}
    assert (found.metadata, found.warnings) == (None, ())


def test_merge_keeps_the_value_with_higher_confidence_and_warns() -> None:
    first = Found({"a": 1, "b": 1, "l": [1]}, {"a": entry(0.5), "b": entry(0.9), "l": [entry(0.1)]})
    second = Found(
        {"a": 2, "b": 2, "l": [1, 3]},
        {"a": entry(0.7), "b": entry(0.7), "l": [entry(1), entry(0.2)]},
    )

    found = merge([first, second])

    assert found.data == {"a": 2, "b": 1, "l": [1, 3]}
    assert found.metadata == {"a": entry(0.7), "b": entry(0.9), "l": [entry(0.1), entry(0.2)]}
    assert found.warnings == (
        "a differs between parts of the document: 2 was used, not 1.",
        "b differs between parts of the document: 1 was used, not 2.",
    )


def test_warnings_about_differences_are_bounded() -> None:
    many = {f"f{n}": "x" * 500 for n in range(100)}

    found = merge([Found(many), Found(dict.fromkeys(many, "y"))])

    assert len(found.warnings) == MAX_CONFLICTS + 1
    assert all(len(warning) < 200 for warning in found.warnings)


# -- citations ---------------------------------------------------------------------------------

PAGE = ParsedPage(
    page_number=3,
    text="Invoice No. 47-11   Total\nThe straw-\nberry costs 2010 EUR, ﬁnally.",
    markdown="| Total | **2010** EUR |",
    items=[
        {"type": "text", "value": PAGE_VALUE, "bbox": [{"x": n, "y": 0, "w": 1, "h": 1}]}
        for n, PAGE_VALUE in enumerate(("Invoice No. 47-11 Total", "No. 47-11", "costs 2010"))
    ]
    + [{"type": "list", "items": [{"type": "text", "value": "the strawberry"}]}],
)


@pytest.mark.parametrize(
    ("quote", "words"),
    [
        ("invoice no. 4711", "Invoice No. 47-11"),
        ("THE STRAWBERRY", "The straw- berry"),
        ("straw-berry  costs", "straw- berry costs"),
        ("finally", "ﬁnally"),
        ("Total | 2010", "Total 2010"),
        ("Total 2010 EUR", "Total 2010 EUR"),
    ],
)
def test_quote_matches_despite_spaces_case_and_hyphens(quote: str, words: str) -> None:
    found = Quotes([PAGE]).cite(quote.replace("|", ""), 3, [3])

    assert found is not None
    assert found["matching_text"].replace("*", "").split() == words.split()


@pytest.mark.parametrize("quote", ["10", "201", "voice", "-", "…", "", "4712", "No. 47 11 2010"])
def test_quote_must_match_whole_words(quote: str) -> None:
    assert Quotes([PAGE]).cite(quote, 3, [3]) is None


def test_box_is_the_smallest_part_of_the_page_with_the_words() -> None:
    found = Quotes([PAGE]).cite("47-11", None, [1, 2, 3])

    assert found == {
        "page": 3,
        "matching_text": "47-11",
        "bounding_boxes": [{"x": 1, "y": 0, "w": 1, "h": 1}],
    }


def test_quote_is_searched_on_its_page_first() -> None:
    quotes = Quotes([ParsedPage(page_number=n, text="same words") for n in (1, 2, 3)])

    assert [(quotes.cite("same", page, [1, 2]) or {}).get("page") for page in (1, 2, 3)] == [
        1,
        2,
        1,
    ]


# -- values ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("$1,247.50", "number", 1247.5),
        ("1.234,56 €", "number", 1234.56),
        ("12,50", "number", 12.5),
        ("1'234", "number", 1234),
        ("1.234", "number", None),
        ("$580K", "number", 580_000),
        ("2.5M", "number", 2_500_000),
        ("(80.00)", "number", -80.0),
        ("-5 %", "number", -5),
        ("USD 12", "number", 12),
        ("12 EUR", "number", 12),
        ("12 apples", "number", None),
        ("2024-07-19", "number", None),
        ("3.0", "integer", 3),
        ("3.5", "integer", None),
        ("Yes", "boolean", True),
        ("☐", "boolean", False),
        ("perhaps", "boolean", None),
        ("  two \n words ", "string", "two words"),
        ("x" * 301, "string", None),
        ("text", "object", None),
    ],
)
def test_text_is_converted_to_the_fields_type_or_dropped(text: str, kind: str, value: Any) -> None:
    assert value_of(text, {kind}, {"type": kind}) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("July 19, 2024", "2024-07-19"),
        ("19 Jul 2024", "2024-07-19"),
        ("2024-07-19T10:00", "2024-07-19"),
        ("19.07.2024", "2024-07-19"),
        ("07/19/2024", "2024-07-19"),
        ("07/08/2024", None),
        ("08/08/2024", "2024-08-08"),
        ("31.02.2024", None),
        ("soon", None),
    ],
)
def test_ambiguous_date_is_not_extracted(text: str, value: str | None) -> None:
    assert value_of(text, {"string"}, {"format": "date"}) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("Visa - 7267", "visa"), ("AMEX", "amex"), ("visa or amex", None), ("?", None)],
)
def test_only_enum_value_in_the_text_is_extracted(text: str, value: Any) -> None:
    assert value_of(text, {"string"}, {"enum": ["visa", "amex", None, 3]}) == value
