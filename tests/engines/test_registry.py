"""Which engine processes which file."""

import pytest

from docmill.contracts import media_types
from docmill.engines.classify.base import CLASSIFY
from docmill.engines.markdown import plain_text
from docmill.engines.registry import PARSE, builtin, engine_for, parse_suite_version, suite_version
from docmill.errors import FailureClass, ItemFailure


def test_every_known_kind_of_file_has_an_engine() -> None:
    assert {engine_for(PARSE, kind).name for kind in media_types.Media} == {
        "liteparse",
        "xberg",
        "text",
    }


def test_unknown_media_type_has_no_engine() -> None:
    with pytest.raises(ItemFailure) as failed:
        engine_for(PARSE, "video/mp4")

    assert failed.value.failure_class is FailureClass.UNSUPPORTED_TYPE


def test_suite_version_names_every_engine_and_the_ocr_data() -> None:
    version = parse_suite_version()

    for engine in builtin().engines(PARSE):
        assert f"{engine.name}-{engine.version}" in version
    assert version.endswith("ocr-eng")


def test_new_classifier_changes_only_the_suite_of_classify() -> None:
    classifier = builtin().classifier()

    assert suite_version(PARSE, "parse-1") == "parse-1"
    assert suite_version(CLASSIFY, "parse-1") == (f"parse-1+{classifier.name}-{classifier.version}")


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("# Title\n\n> quote", "Title\n\nquote"),
        ("**bold** and *it* and `code`", "bold and it and code"),
        ("[link](http://x) ![pic](y.png)", "link pic"),
        ("| a | b |\n| --- | --- |\n| 1 | x\\|y |", "a\tb\n1\tx|y"),
        ("snake_case and 2 * 3 * 4", "snake_case and 2 * 3 * 4"),
        ("```\n# not a title\n```", "# not a title"),
        ("a \\<b\\>", "a <b>"),
    ],
)
def test_markdown_becomes_plain_text(markdown: str, text: str) -> None:
    assert plain_text(markdown) == text
