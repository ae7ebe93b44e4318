"""Which parts of a text are missing from a rendering."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmill.engines.text_check import left_out, letters_of


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
def test_joined_split_and_marked_up_words_count_as_present(
    parts: list[str], rendering: str
) -> None:
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
        (["131 pages", "p31", "31", "31 (of 40)"], "131 pages p31 31 (of 40)", [2]),
        (["caf\u00e9 31", "131", "31"], "131 caf\u00e9 31", [2]),
        (["1\u00a02", "12 1", "1"], "12 1 2", [0, 2]),
    ],
)
def test_paragraphs_missing_from_the_rendering_are_found(
    parts: list[str], rendering: str, lost: list[int]
) -> None:
    assert left_out(parts, rendering) == lost


WORDS = st.lists(st.text("abcdefg\u00e9\u5348", min_size=1, max_size=5), max_size=12)
MARKS = st.text(string.punctuation + string.whitespace, min_size=1, max_size=3).filter(
    lambda mark: "(" not in mark
)


@given(words=WORDS, mark=MARKS)
def test_words_are_found_between_any_marks_of_ascii(words: list[str], mark: str) -> None:
    assert left_out(words, mark.join(reversed(words))) == []


@given(text=st.text(string.printable + "\x00\x7f"))
def test_ascii_letters_are_decoded_alike_among_other_text(text: str) -> None:
    assert letters_of(text) == letters_of(f"{text}\u00e9")[:-1]


@given(words=st.lists(st.integers(100, 999), unique=True, max_size=40), data=st.data())
def test_any_number_of_missing_words_is_found(words: list[int], data: st.DataObject) -> None:
    parts = [f"q{word}z" for word in words]
    lost = data.draw(st.sets(st.sampled_from(range(len(parts))))) if parts else set()
    kept = [part for place, part in enumerate(parts) if place not in lost]

    assert left_out(parts, " ".join(reversed(kept))) == sorted(lost)
