"""Classifier ``basic``: cues of known document families and words of the rules, no model."""

import math
import re
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass

from docmill.engines.classify.base import Rule, Verdict
from docmill.engines.classify.cues import FAMILIES, Family
from docmill.engines.classify.families import (
    Evidence,
    declared_families,
    declares,
    evidence,
    family_described,
    family_named,
    normal,
    plain,
    speaks_about,
)

_WORD = re.compile(r"[^\W\d_]{3,}")
_TYPE_WEIGHT = 2.0
"""A word of the type weighs more than a word of the description."""
_HEAD = 300
"""Characters at the beginning, where documents state their type."""
_HEAD_WEIGHT = 1.6
_FREQUENT = 2
"""Occurrences from which a word counts fully in a short text."""
_LONG = 400
"""Words of a text that require one more occurrence: long texts contain every word once."""
_COMMON_WEIGHT = 0.4
_STEM_LENGTH = 6
"""Letters of a stem."""
_MIN_STEM = 3
"""Minimum length of a word without its ending."""

_STOP_WORDS = frozenset(
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
    """Return the significant words of ``text`` in lower case, grouped by stem.

    Words with the same stem count as one: insured and insurer, patient and patients.
    """
    found: dict[str, list[str]] = {}
    for word in _WORD.findall(text.casefold()):
        if word not in _STOP_WORDS:
            found.setdefault(_stem(word), []).append(word)
    return found


def _stem(word: str) -> str:
    for ending in ("ies", "ing", "ed", "es", "s", "y"):
        if (
            word.endswith(ending)
            and len(word) - len(ending) >= _MIN_STEM
            and not word.endswith("ss")
        ):
            word = word[: -len(ending)]
            break
    return word[:_STEM_LENGTH]


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
"""Stems that occur in many kinds of documents and carry little weight."""


class WordOverlap:
    """Word overlap of texts with a set of rules. Words that several rules share weigh less."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._weights = [_weights(rule) for rule in rules]
        rules_with = Counter(word for weights in self._weights for word in weights)
        count = len(rules)
        self._rarity = {word: math.log1p(count / number) for word, number in rules_with.items()}

    def compare(self, text: str) -> list[tuple[float, list[str]]]:
        """Return for each rule the overlap with ``text`` (about 0..1) and the matching words."""
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
        # The square root keeps a long description from losing against a short one.
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


MAX_TEXT = 60_000
"""Characters of the text that are examined."""
_WORDS_WEIGHT = 0.9
"""Weight of the word overlap relative to the cues."""
_DESCRIBED_WEIGHT = 0.8
"""Weight of a family that a rule describes, relative to one that it names."""
_MAX_NAMED = 6
"""Maximum number of cues and words in the reasoning."""

_CONTRADICTED = 0.75
"""Factor of a rule's score when the document declares another type."""

CALIBRATION = (-0.86, 4.73, 0.05, -2.85)
"""Weights of the features of a `Fit`, fitted by bench/classify/measure.py on the tuning half of
its documents, so that the confidence equals the share of right answers."""
_ACCEPT = 0.5

_CERTAIN, _LIKELY, _PERHAPS = 0.98, 0.89, 0.75
"""Maximum confidence by kind of evidence; see `Fit.most`."""
_MANY_CUES, _MANY_WORDS, _SOME_WORDS = 3, 4, 2
"""Numbers of strong cues, and of words of a rule, that exceed chance."""
_SMALL_LEAD = 0.3
"""With a smaller lead over the second rule, the best rule is uncertain."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Evidence for one rule.

    Attributes:
        score: 0 without any evidence.
        found: evidence for the family of the rule; empty when the rule belongs to none.
        words: words of the rule in the document, by weight.
        declared: whether a title of the document names the rule's type or family.
        vague: whether part of the type's name is missing in the document, such as "dental" of
            "dental invoice", or a title says that the document is about such documents.
    """

    rule: Rule
    score: float
    found: Evidence
    words: tuple[str, ...]
    declared: bool
    vague: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """Features that decide whether the best candidate is right.

    Attributes:
        second: best candidate of another type; None when all rules have one type.
        ahead: lead of the best candidate over the second, from 0 (none) to 1 (no second).
        rival: best matching known family that no rule means.
        understood: whether every rule means a known family.
    """

    best: Candidate
    second: Candidate | None
    ahead: float
    rival: Evidence
    understood: bool

    @property
    def features(self) -> tuple[float, ...]:
        """Values that `CALIBRATION` weighs."""
        return (1.0, min(self.best.score, _SATURATED_SCORE), self.ahead, self.rival.sure)

    @property
    def probability(self) -> float:
        """Probability that the best rule is right."""
        z = sum(w * f for w, f in zip(CALIBRATION, self.features, strict=True))
        return min(1.0 / (1.0 + math.exp(-z)), self.most)

    @property
    def most(self) -> float:
        """Maximum probability that this kind of evidence allows."""
        best, rival = self.best, self.rival
        strong = best.found.strong
        named = stems(plain(best.rule.type))
        words = len([word for word in best.words if stems(word).keys().isdisjoint(named)])
        confirmed = best.declared and (strong or words >= _SOME_WORDS)
        if confirmed or strong >= _MANY_CUES:
            most = _CERTAIN
        elif best.declared or strong > 1 or len(best.words) >= _MANY_WORDS:
            most = _LIKELY
        else:
            most = _PERHAPS
        close = self.second is not None and self.ahead < _SMALL_LEAD
        if best.vague or close or (rival.declared and not best.declared):
            most = min(most, _PERHAPS)
        if rival.strong > strong and rival.sure > best.found.sure:
            most = min(most, _PERHAPS)
        return most


_SATURATED_SCORE = 1.5
"""Score at which the evidence saturates."""


class BasicClassifier:
    """Selects a rule by counting. The same text always yields the same decision."""

    name = "basic"
    version = "2"

    def classify(self, text: str, rules: Sequence[Rule]) -> Verdict:
        """Return the best rule's type, or None if it is more likely wrong than right."""
        if not text.strip():
            return Verdict(type=None, confidence=1.0, reasoning="The document has no text.")
        fit = fit_of(text[:MAX_TEXT], rules)
        likely = fit.probability
        if likely < _ACCEPT:
            confidence = round(min(1 - likely, _max_of_none(fit)), 3)
            return Verdict(
                type=None, confidence=confidence, reasoning=_no_match_reasoning(fit.best)
            )
        return Verdict(
            type=fit.best.rule.type, confidence=round(likely, 3), reasoning=_match_reasoning(fit)
        )


def fit_of(text: str, rules: Sequence[Rule]) -> Fit:
    """Compare ``text`` with every rule, and with the known families that no rule means."""
    lower = normal(text)
    said = declared_families(lower)
    families = [_family(rule) for rule in rules]
    overlaps = WordOverlap(rules).compare(text)
    found = [
        _candidate(rule, family, overlap, lower, said)
        for rule, family, overlap in zip(rules, families, overlaps, strict=True)
    ]
    found.sort(key=lambda one: -one.score)
    best = found[0]
    second = next((one for one in found if one.rule.type != best.rule.type), None)
    ahead = 1.0 - (second.score / best.score if second and best.score else 0.0)
    meant = {family.names[0] for family, _ in families if family is not None}
    others = (evidence(family, lower, said) for family in FAMILIES if family.names[0] not in meant)
    rival = max(others, key=lambda one: one.sure, default=Evidence())
    understood = all(family is not None for family, _ in families)
    return Fit(best, second, ahead if best.score else 0.0, rival, understood)


def _family(rule: Rule) -> tuple[Family | None, str]:
    """Return the family of a rule, and the name by which its type states it."""
    family, name = family_named(rule.type)
    return family or family_described(f"{rule.type}: {rule.description}"), name


def _candidate(
    rule: Rule,
    meant: tuple[Family | None, str],
    overlap: tuple[float, list[str]],
    lower: str,
    said: Container[str],
) -> Candidate:
    family, name = meant
    found = evidence(family, lower, said) if family else Evidence()
    score = found.sure * (1.0 if name else _DESCRIBED_WEIGHT)
    score += _WORDS_WEIGHT * min(overlap[0], 1.0)
    declared = found.declared or declares(rule.type, lower)
    if said and not declared:
        score *= _CONTRADICTED
    vague = speaks_about(name or rule.type, lower)
    if family and name:
        general = name == plain(family.names[0])
        rest = plain(rule.type).replace(name, " ") if general else rule.type
        vague = vague or not stems(plain(rest)).keys() <= stems(lower).keys()
    return Candidate(rule, score, found, tuple(overlap[1]), declared, vague)


def _max_of_none(fit: Fit) -> float:
    """Return the maximum confidence that no rule matches; rules may use other words."""
    if not fit.rival.declared and fit.rival.strong < _MANY_CUES:
        return _PERHAPS
    return _CERTAIN if fit.understood else _LIKELY


def _evidence(candidate: Candidate) -> str:
    parts = []
    if candidate.found.cues:
        parts.append("cues " + ", ".join(f"“{cue}”" for cue in candidate.found.cues[:_MAX_NAMED]))
    if candidate.words:
        parts.append("words of the rule: " + ", ".join(candidate.words[:_MAX_NAMED]))
    return "; ".join(parts)


def _match_reasoning(fit: Fit) -> str:
    after = f" Next: {fit.second.rule.type}." if fit.second and fit.second.score else ""
    return f"{fit.best.rule.type}: {_evidence(fit.best)}.{after}"


def _no_match_reasoning(best: Candidate) -> str:
    if not best.score:
        return "The document has no evidence for any of the rules."
    return f"No rule matches well enough. Closest: {best.rule.type}, by {_evidence(best)}."
