"""How much of a rule's own words a text has."""

import math
import re
from collections import Counter
from collections.abc import Container, Sequence

from docmill.engines.classify.base import Rule

_WORD = re.compile(r"[^\W\d_]{3,}")
_TYPE_WEIGHT = 2.0
"""A word of the rule's type says more than one of its description."""
_HEAD = 300
"""Characters at the beginning, where documents say what they are."""
_HEAD_WEIGHT = 1.6
_FREQUENT = 2
"""Occurrences from which a word counts fully, in a short text."""
_LONG = 400
"""So many words of a text ask for one more occurrence: in a long one every word stands once."""
_COMMON_WEIGHT = 0.4
_BEGINNING = 6
"""Letters by which words are compared."""
_SHORTEST = 3
"""Letters that are left of a word without its ending."""

_EMPTY = frozenset(
    _WORD.findall("""
    about above after all also and any are because been before being below between both but can
    contain contains containing content describe describes describing document documents each
    etc ever example file files for from had has have having her here his how include includes
    including into its itself just kind like may more most must not off often one only other our out
    over own page pages paper part party people person same she should show shows some something
    such text than that the their them then there these they thing this those through too type
    types typically under until upon usually various very was were what when where which while who
    whom whose why will with within without would you your""")
)


def stems(text: str) -> dict[str, list[str]]:
    """Return the words of ``text`` that mean something, in lower case, by their beginnings.

    Words with the same beginning count as one: insured and insurer, patient and patients.
    """
    found: dict[str, list[str]] = {}
    for word in _WORD.findall(text.casefold()):
        if word not in _EMPTY:
            found.setdefault(_stem(word), []).append(word)
    return found


def _stem(word: str) -> str:
    for ending in ("ies", "ing", "ed", "es", "s", "y"):
        if (
            word.endswith(ending)
            and len(word) - len(ending) >= _SHORTEST
            and not word.endswith("ss")
        ):
            word = word[: -len(ending)]
            break
    return word[:_BEGINNING]


_COMMON = frozenset(
    stems("""
    account amount any back call card change check clean close code come cost data date day days
    first free full good hold home hour hours item last line list look made make making money
    month months name need new next note notes number open paid pay period place point present
    price put record records report reports result results set side sign signed start state
    statement tax test time times title total totals two use used using value week weeks work
    working year years
    ask asked another change choose created help listed need order others product
    public release section update version""")
)
"""Beginnings of words of many kinds of documents: they say a little."""


class Overlap:
    """Rules prepared for comparison: words that several of them share say little."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._weights = [_weights(rule) for rule in rules]
        rules_with = Counter(word for weights in self._weights for word in weights)
        count = len(rules)
        self._rarity = {word: math.log1p(count / number) for word, number in rules_with.items()}

    def compare(self, text: str) -> list[tuple[float, list[str]]]:
        """Return for each rule how much of it ``text`` says, 0..1 about, and by which words."""
        times = stems(text)
        head = stems(text[:_HEAD])
        return [self._one(weights, times, head) for weights in self._weights]

    def _one(
        self,
        weights: dict[str, float],
        times: dict[str, list[str]],
        head: Container[str],
    ) -> tuple[float, list[str]]:
        whole = sum(weight * self._rarity[word] for word, weight in weights.items())
        needed = _FREQUENT + sum(map(len, times.values())) / _LONG
        found: dict[str, float] = {}
        for word, weight in weights.items():
            if word in times:
                strength = min(1.0, (len(times[word]) + 1) / (needed + 1))
                place = _HEAD_WEIGHT if word in head else 1.0
                found[word] = weight * self._rarity[word] * strength * place
        # The root keeps a long, careful description from losing to a short one.
        score = sum(found.values()) / math.sqrt(whole * _typical(weights)) if whole else 0.0
        return score, [times[word][0] for word in sorted(found, key=lambda word: -found[word])]


def _typical(weights: dict[str, float]) -> float:
    return max(math.sqrt(len(weights)) * 4.0, 1.0)


def _weights(rule: Rule) -> dict[str, float]:
    described = stems(rule.description)
    named = stems(rule.type.replace("_", " ").replace("-", " "))
    return {
        stem: (_TYPE_WEIGHT if stem in named else 1.0)
        * (_COMMON_WEIGHT if stem in _COMMON else 1.0)
        for stem in (described | named)
    }
