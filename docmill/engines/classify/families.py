"""Which known family a rule means, and how much of a family a text has."""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from docmill.engines.classify.cues import ABOUT, AMBIGUOUS, FAMILIES, STRONG, Family

_TITLE = 0.6
"""The share of doubt that the family's own name in a title takes away."""
_TITLE_SHARE = 4
"""A name that is at least one word in so many of its line is a title; else it is a mention."""
_NEAR = 1500
_FAR = 0.6
"""Cues behind so many characters count less: in long texts there are words of everything."""
_HEAD = 400
"""Characters at the beginning, where documents say what they are."""
_DESCRIBED = 0.3
_AHEAD = 0.1
"""A description must say so much of a family, and so much more than of the next one."""

_WORDS = re.compile(r"[^\W_]+")
_MARGIN = re.compile(r"^[^\w\n]+", re.MULTILINE)
_SPACES = re.compile(r"[^\S\n]+")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a family in a text.

    Attributes:
        sure: how much, 0..1.
        cues: what was found, as it stands in the text.
        strong: how many of the cues few other documents have; a name alone, which the title may
            say as well, is none.
        declared: the text says in a title that it is one.
    """

    sure: float = 0.0
    cues: tuple[str, ...] = ()
    strong: int = 0
    declared: bool = False


def normal(text: str) -> str:
    """Return ``text`` in lower case without margins, as cues and titles are looked for in it."""
    return _MARGIN.sub("", _SPACES.sub(" ", text.casefold()))


def plain(text: str) -> str:
    """Return ``text`` as lower-case words with single spaces between and around them."""
    words = " ".join(_WORDS.findall(text.casefold()))
    return f" {words} "


def _by_name(families: Sequence[Family]) -> Mapping[str, Family]:
    return {plain(name): family for family in families for name in family.names}


def family_named(type_name: str) -> tuple[Family | None, str]:
    """Return the family that a rule's type names, by the longest name in it, and that name.

    The longest of several counts, so that a privacy policy is no insurance policy.
    """
    words = plain(type_name)
    found = [name for name in _NAMES if name in words or f"{name.rstrip()}s " in words]
    if not found:
        return None, ""
    name = max(found, key=len)
    return _NAMES[name], name


def family_described(description: str) -> Family | None:
    """Return the family whose cues and names a description has, when one is clearly ahead."""
    lower = normal(description)
    said = declared_families(lower)
    ranked = sorted(
        ((evidence(family, lower, said).sure, n) for n, family in enumerate(FAMILIES)),
        reverse=True,
    )
    (best, number), (second, _) = ranked[:2]
    clear = best >= _DESCRIBED and best - second >= _AHEAD
    return FAMILIES[number] if clear else None


def evidence(family: Family, lower: str, said: Container[str]) -> Evidence:
    """Return what speaks for ``family``.

    Args:
        family: the kind of document.
        lower: a text, `normal`.
        said: what the text says that it is; see `declared_families`.
    """
    doubt, found, strong = 1.0, [], 0
    for pattern, share in family.cues:
        if match := pattern.search(lower):
            doubt *= 1.0 - share * (1.0 if match.start() < _NEAR else _FAR)
            cue = " ".join(match.group().split())
            strong += share >= STRONG and not any(plain(cue) in plain(n) for n in family.names)
            found.append(cue)
    declared = family.names[0] in said
    if declared:
        doubt *= 1.0 - _TITLE
        words = plain(lower[:_HEAD])
        found.append(next(name for name in family.names if plain(name) in words))
    return Evidence(1.0 - doubt, tuple(dict.fromkeys(found)), strong, declared)


def declared_families(lower: str) -> frozenset[str]:
    """Return the first names of the families that a text says in a title that it is."""
    found = set()
    for words in _lines(lower):
        names = [name for name in _TITLES if _is_title(name, words)]
        if names:
            found.add(_NAMES[max(names, key=len)].names[0])
    return frozenset(found)


def declares(type_name: str, lower: str) -> bool:
    """Whether a title of a text has the whole name of a rule's type."""
    name = plain(type_name)
    return any(_is_title(name, words) for words in _lines(lower))


def speaks_about(name: str, lower: str) -> bool:
    """Whether a line at the beginning makes a text one about documents of this name."""
    name = plain(name)
    lines = [words for words in _lines(lower) if name in words]
    return any(not ABOUT.isdisjoint(words.replace(name, " ", 1).split()) for words in lines)


def _lines(lower: str) -> list[str]:
    return [plain(line) for line in lower[:_HEAD].splitlines()]


def _is_title(name: str, words: str) -> bool:
    """Whether ``name`` is a good part of a line; not one about such documents, as a guide."""
    if name not in words:
        return False
    others = [word for word in words.replace(name, " ", 1).split() if word.isalpha()]
    own = len(name.split())
    return own * _TITLE_SHARE >= own + len(others) and ABOUT.isdisjoint(others)


_NAMES = _by_name(FAMILIES)
_TITLES = [name for name in _NAMES if name.strip() not in AMBIGUOUS]
