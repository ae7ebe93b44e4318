"""Patterns of --include and --exclude."""

import pytest

from docmill.sources.globs import Globs


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.pdf", "a.pdf"),
        ("*.pdf", "deep/down/a.pdf"),
        ("*.pdf", "SCAN.PDF"),
        ("drafts", "2024/drafts"),
        ("drafts/", "drafts"),
        ("2024/*.pdf", "2024/a.pdf"),
        ("./2024/*.pdf", "2024/a.pdf"),
        ("**/b.pdf", "b.pdf"),
        ("**/b.pdf", "x/y/b.pdf"),
        ("2024/**", "2024/x/y.pdf"),
        ("a?.txt", "ab.txt"),
        ("[ab].txt", "b.txt"),
        ("[!a].txt", "b.txt"),
        ("[a-c].txt", "b.txt"),
        ("a.b+c(1).txt", "a.b+c(1).txt"),
        ("[", "["),
        ("*.pdf", "new\nline.pdf"),
    ],
)
def test_pattern_matches(pattern: str, path: str) -> None:
    assert Globs([pattern]).matches(path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.pdf", "a.pdf.txt"),
        ("2024/*.pdf", "2024/x/a.pdf"),
        ("2024/*.pdf", "old/2024/a.pdf"),
        ("a?.txt", "a/.txt"),
        ("[!a].txt", "a.txt"),
        ("x/[!a].txt", "x//.txt"),
        ("a.pdf", "abpdf"),
    ],
)
def test_pattern_does_not_match(pattern: str, path: str) -> None:
    assert not Globs([pattern]).matches(path)


def test_empty_pattern_list_matches_nothing() -> None:
    assert not Globs([]).matches("a")
