"""Which paragraphs of a source are missing from a text."""

import pytest

from docmill.engines.office.comparison import missing


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (["The tide is high.", "So is the price."], "So is the price.\nThe tide is high."),
        (["Letter A:", "API"], "y-zLetter A:API"),
        (["boldness"], "bold ness"),
        (["Größe ﬁn"], "Gro\u0308ße fin"),
        (["soft\u00adhyphen"], "softhyphen"),
        ([], "anything"),
    ],
)
def test_joined_split_or_moved_words_are_not_missing(source: list[str], text: str) -> None:
    assert missing(source, text) == []


@pytest.mark.parametrize(
    ("source", "text", "lost"),
    [
        (["kept", "lost amber"], "kept", ["lost amber"]),
        (["7", "17"], "17", ["7"]),
        (["yes", "no", "yes"], "yes no", ["yes"]),
        (["a b c", "b"], "b", ["a b c"]),
        (["one", "two", "three"], "", ["one", "two", "three"]),
        (["潮の高さ", "価格"], "価格", ["潮の高さ"]),
    ],
)
def test_paragraph_repeated_less_often_than_in_the_source_is_restored(
    source: list[str], text: str, lost: list[str]
) -> None:
    assert missing(source, text) == lost
