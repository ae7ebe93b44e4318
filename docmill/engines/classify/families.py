"""Document families of rules, and the evidence for a family in a text."""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from docmill.engines.classify.cues import ABOUT, AMBIGUOUS, FAMILIES, STRONG, Family

_TITLE = 0.6
"""Share of doubt that the name of the family in a title removes."""
_TITLE_SHARE = 4
"""A name is a title if it makes up at least one in this many words of its line."""
_NEAR = 1500
_FAR = 0.6
"""Factor of cues after `_NEAR` characters, since long texts contain cues of every family."""
_HEAD = 400
"""Characters at the beginning, where documents state their type."""
_MIN_DESCRIBED = 0.3
_MIN_LEAD = 0.1
"""Minimum evidence of a family in a description, and minimum lead over the next family."""

_WORDS = re.compile(r"[^\W_]+")
_MARGIN = re.compile(r"^[^\w\n]+", re.MULTILINE)
_SPACES = re.compile(r"[^\S\n]+")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence for a family in a text.

    Attributes:
        sure: strength of the evidence, 0..1.
        cues: matches as they occur in the text.
        strong: number of cues that few other documents contain, without mere names, which a title
            may contain as well.
        declared: whether the text names the family in a title.
    """

    sure: float = 0.0
    cues: tuple[str, ...] = ()
    strong: int = 0
    declared: bool = False


def normal(text: str) -> str:
    """Normalize ``text`` for the search of cues and titles: lower case, without margins."""
    return _MARGIN.sub("", _SPACES.sub(" ", text.casefold()))


def plain(text: str) -> str:
    """Return ``text`` as lower-case words with single spaces between and around them."""
    words = " ".join(_WORDS.findall(text.casefold()))
    return f" {words} "


def _by_name(families: Sequence[Family]) -> Mapping[str, Family]:
    return {plain(name): family for family in families for name in family.names}


def family_named(type_name: str) -> tuple[Family | None, str]:
    """Return the family that the type of a rule names, and the name.

    The longest name wins, so that a privacy policy is not an insurance policy.
    """
    words = plain(type_name)
    found = [name for name in _NAMES if name in words or f"{name.rstrip()}s " in words]
    if not found:
        return None, ""
    name = max(found, key=len)
    return _NAMES[name], name


def family_described(description: str) -> Family | None:
    """Return the family with the most evidence in a description, if its lead is clear."""
    lower = normal(description)
    said = declared_families(lower)
    ranked = sorted(
        ((evidence(family, lower, said).sure, n) for n, family in enumerate(FAMILIES)),
        reverse=True,
    )
    (best, number), (second, _) = ranked[:2]
    clear = best >= _MIN_DESCRIBED and best - second >= _MIN_LEAD
    return FAMILIES[number] if clear else None


def evidence(family: Family, lower: str, said: Container[str]) -> Evidence:
    """Return the evidence for ``family`` in a text.

    Args:
        family: the family.
        lower: text after `normal`.
        said: keys of the families that the text declares; see `declared_families`.
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
    """Return the keys (first names) of the families that titles of a text name."""
    found = set()
    for words in _lines(lower):
        names = [name for name in _TITLES if _is_title(name, words)]
        if names:
            found.add(_NAMES[max(names, key=len)].names[0])
    return frozenset(found)


def declares(type_name: str, lower: str) -> bool:
    """Return whether a title of a text contains the whole name of a rule's type."""
    name = plain(type_name)
    return any(_is_title(name, words) for words in _lines(lower))


def speaks_about(name: str, lower: str) -> bool:
    """Return whether a line at the beginning marks a text about documents of this name."""
    name = plain(name)
    lines = [words for words in _lines(lower) if name in words]
    return any(not ABOUT.isdisjoint(words.replace(name, " ", 1).split()) for words in lines)


def _lines(lower: str) -> list[str]:
    return [plain(line) for line in lower[:_HEAD].splitlines()]


def _is_title(name: str, words: str) -> bool:
    """Return whether ``name`` is the title in a line, unless the line is about such documents."""
    if name not in words:
        return False
    others = [word for word in words.replace(name, " ", 1).split() if word.isalpha()]
    own = len(name.split())
    return own * _TITLE_SHARE >= own + len(others) and ABOUT.isdisjoint(others)


_NAMES = _by_name(FAMILIES)
_TITLES = [name for name in _NAMES if name.strip() not in AMBIGUOUS]
