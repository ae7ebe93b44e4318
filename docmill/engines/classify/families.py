"""Which known family a rule means, and how much of a family a text has."""

import re
from collections.abc import Mapping, Sequence

from docmill.engines.classify.cues import FAMILIES, Family

_TITLE = 0.45
"""The family's own name at the beginning."""
_TITLE_WORDS = 8
"""Words of a line that may be a title; a longer one is a sentence."""
_HEAD = 300
"""Characters at the beginning, where documents say what they are."""
_DESCRIBED = 0.3
_AHEAD = 0.1
"""A description must say so much of a family, and so much more than of the next one."""

_WORDS = re.compile(r"[^\W_]+")


def _by_name(families: Sequence[Family]) -> Mapping[str, Family]:
    return {plain(name): family for family in families for name in family.names}


def plain(text: str) -> str:
    """Return ``text`` as lower-case words with single spaces between and around them."""
    words = " ".join(_WORDS.findall(text.casefold()))
    return f" {words} "


def family_named(type_name: str) -> Family | None:
    """Return the family that a rule's type names, by the longest name in it; None without one."""
    words = plain(type_name)
    found = [name for name in _NAMES if name in words or f"{name.rstrip()}s " in words]
    return _NAMES[max(found, key=len)] if found else None


def family_described(description: str) -> Family | None:
    """Return the family whose cues and names a description has, when one is clearly ahead."""
    ranked = sorted(
        ((certainty(family, description.casefold())[0], n) for n, family in enumerate(FAMILIES)),
        reverse=True,
    )
    (best, number), (second, _) = ranked[:2]
    clear = best >= _DESCRIBED and best - second >= _AHEAD
    return FAMILIES[number] if clear else None


def certainty(family: Family, lower: str) -> tuple[float, list[str]]:
    """Return how much speaks for ``family``, 0..1, and what.

    Args:
        family: the kind of document.
        lower: a text in lower case.
    """
    doubt, found = 1.0, []
    for pattern, share in family.cues:
        if match := pattern.search(lower):
            doubt *= 1.0 - share
            found.append(" ".join(match.group().split()))
    title = _title(family, lower)
    if title is not None:
        doubt *= 1.0 - _TITLE
        found.append(title)
    return 1.0 - doubt, list(dict.fromkeys(found))


def _title(family: Family, lower: str) -> str | None:
    """Return the name of ``family`` that stands in a short line at the beginning."""
    lines = [line for line in lower[:_HEAD].splitlines() if len(line.split()) <= _TITLE_WORDS]
    words = plain("\n".join(lines))
    return next((name for name in family.names if plain(name) in words), None)


_NAMES = _by_name(FAMILIES)
