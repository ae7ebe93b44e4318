"""A classifier without a model: cues of known kinds of documents, and the rules' own words."""

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass

from docmill.engines.classify.base import Rule, Verdict
from docmill.engines.classify.cues import FAMILIES, Family
from docmill.engines.classify.families import (
    certainty,
    family_described,
    family_named,
)
from docmill.engines.classify.words import Overlap

MAX_TEXT = 60_000
"""Characters that are looked at; a document that long has said what it is."""
_WORDS_WEIGHT = 0.9
"""Of the overlap of words, against the certainty by cues."""
_DESCRIBED_WEIGHT = 0.8
"""Of cues of a family that a rule describes, against one that it names."""
_NAMED = 6
"""Cues and words that the reasoning names."""

CALIBRATION = (-0.8, 4.67, -0.13, -3.09)
"""Weights of the `Fit` of the best rule: fitted by bench/classify/measure.py on the tuning half of
its documents, so that confidence is the share of right answers."""
_ACCEPT = 0.5


@dataclass(frozen=True, slots=True)
class Candidate:
    """How well one rule fits.

    Attributes:
        score: 0 when nothing speaks for it.
        cues: what was found of its family's cues, as it stands in the document.
        words: the rule's own words that the document has, the most telling first.
    """

    rule: Rule
    score: float
    cues: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """What decides whether the best candidate is right.

    Attributes:
        second: the best one of another type; None when all rules are of one type.
        ahead: how far the best is ahead of it, 0 (not at all) to 1 (alone).
        rival: certainty of the known family that fits best and that no rule means, 0..1.
    """

    best: Candidate
    second: Candidate | None
    ahead: float
    rival: float

    @property
    def features(self) -> tuple[float, ...]:
        """The numbers that `CALIBRATION` weighs."""
        return (1.0, min(self.best.score, _ENOUGH), self.ahead, self.rival)

    @property
    def probability(self) -> float:
        """How likely the best rule is right."""
        z = sum(w * f for w, f in zip(CALIBRATION, self.features, strict=True))
        return 1.0 / (1.0 + math.exp(-z))


_ENOUGH = 1.5
"""More than this score says nothing more."""


class BasicClassifier:
    """Finds the rule that fits best, by counting; the same text always gives the same answer."""

    name = "basic"
    version = "1"

    def classify(self, text: str, rules: Sequence[Rule]) -> Verdict:
        """Return the best rule's type, or None when it is more likely wrong than right."""
        if not text.strip():
            return Verdict(type=None, confidence=1.0, reasoning="The document has no text.")
        fit = fit_of(text[:MAX_TEXT], rules)
        likely = fit.probability
        if likely < _ACCEPT:
            return Verdict(type=None, confidence=round(1 - likely, 3), reasoning=_none(fit.best))
        return Verdict(type=fit.best.rule.type, confidence=round(likely, 3), reasoning=_some(fit))


def fit_of(text: str, rules: Sequence[Rule]) -> Fit:
    """Compare ``text`` with every rule and with the known families that no rule means."""
    lower = text.casefold()
    meant: set[str] = set()
    found = []
    for rule, (overlap, words) in zip(rules, Overlap(rules).compare(text), strict=True):
        sure, cues, family = _by_cues(rule, lower)
        if family is not None:
            meant.add(family.names[0])
        score = sure + _WORDS_WEIGHT * min(overlap, 1.0)
        found.append(Candidate(rule, score, tuple(cues), tuple(words)))
    found.sort(key=lambda one: -one.score)
    best = found[0]
    second = next((one for one in found if one.rule.type != best.rule.type), None)
    ahead = 1.0 - (second.score / best.score if second and best.score else 0.0)
    return Fit(best, second, ahead if best.score else 0.0, _rival(lower, meant))


def _by_cues(rule: Rule, lower: str) -> tuple[float, list[str], Family | None]:
    family, weight = family_named(rule.type), 1.0
    if family is None:
        family, weight = family_described(f"{rule.type}: {rule.description}"), _DESCRIBED_WEIGHT
    if family is None:
        return 0.0, [], None
    sure, cues = certainty(family, lower)
    return weight * sure, cues, family


def _rival(lower: str, meant: Container[str]) -> float:
    others = (certainty(family, lower)[0] for family in FAMILIES if family.names[0] not in meant)
    return max(others, default=0.0)


def _evidence(candidate: Candidate) -> str:
    parts = []
    if candidate.cues:
        parts.append("cues " + ", ".join(f"“{cue}”" for cue in candidate.cues[:_NAMED]))
    if candidate.words:
        parts.append("words of the rule: " + ", ".join(candidate.words[:_NAMED]))
    return "; ".join(parts)


def _some(fit: Fit) -> str:
    after = f" Next: {fit.second.rule.type}." if fit.second and fit.second.score else ""
    return f"{fit.best.rule.type}: {_evidence(fit.best)}.{after}"


def _none(best: Candidate) -> str:
    if not best.score:
        return "Nothing in the document speaks for any of the rules."
    return f"No rule fits well enough. Closest: {best.rule.type}, by {_evidence(best)}."
