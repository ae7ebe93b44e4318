"""Which parts of a text a rendering does not hold."""

import pytest

from docmill.engines.text_check import left_out


@pytest.mark.parametrize(
    ("parts", "rendering"),
    [
        (["Seven lanterns", "of amber"], "of amber\n\n**Seven** lanterns"),
        (["the harb-", "our wall"], "the harbour wall"),
        (["seven lan\u00adterns"], "seven lanterns"),
        (["pri\ufb01ce"], "prifice"),
        (["one two"], "onetwo"),
        (["snake_case here"], r"snake\_case here"),
        (["\u6e2f\u53e3\u706f\u5854"], "\u6e2f\u53e3\n\u706f\u5854"),
        (["see example.com"], "see [example.com](https://example.com/a)"),
        (["\u2014", "***"], ""),
        ([], ""),
    ],
)
def test_what_is_joined_split_or_marked_up_is_there(parts: list[str], rendering: str) -> None:
    assert left_out(parts, rendering) == []


@pytest.mark.parametrize(
    ("parts", "rendering", "lost"),
    [
        (["INVOICE 4711", "Seven lanterns"], "Seven lanterns", [0]),
        (["Total", "of the Total"], "of the Total", [0]),
        (["page", "31", "of the book"], "page of the book", [1]),
        (["31", "chapter 1 of 3, 1 note"], "chapter 1 of 3, 1 note", [0]),
        (["amber"], "![amber](img_amber.png)", [0]),
        (["\u6e2f\u53e3", "\u706f\u5854"], "\u706f\u5854", [0]),
        (["anything at all"], "", [0]),
    ],
)
def test_what_is_missing_is_named_by_its_part(
    parts: list[str], rendering: str, lost: list[int]
) -> None:
    assert left_out(parts, rendering) == lost
