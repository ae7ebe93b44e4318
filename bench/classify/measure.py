"""Accuracy and calibration of the `basic` classifier on labelled documents.

    python -m bench.classify.measure               the tuning half
    python -m bench.classify.measure --fit         fit the calibration to the tuning half
    python -m bench.classify.measure --held-out    the half that is not used for tuning
    python -m bench.classify.measure --varied      documents from templates with arbitrary rules

There are three questions about each document: with all twelve rules, with four rules including its
own, and with four rules without its own, of which none matches.
"""

import argparse
import json
import math
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bench.classify import varied
from docmill.engines.classify.base import Rule
from docmill.engines.classify.basic import BasicClassifier, fit_of

FOLDER = Path(__file__).parent
TUNING, HELD_OUT = FOLDER / "tuning.txt", FOLDER / "held_out.txt"
KNOWN, OWN_WORDS, VARIED = "known", "own words", "arbitrary"
FEW = 4
ROUNDS, STEP, PULL = 3_000, 1.0, 1.0
"""Parameters of the gradient ascent that fits the calibration: iterations, step size, and L2
regularization, without which forty easy documents would make the classifier overconfident."""
BINS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class Case:
    """One question: which rule matches the text; ``expected`` is None if none does."""

    rule_set: str
    kind: str
    text: str
    rules: tuple[Rule, ...]
    expected: str | None


def documents(path: Path) -> list[tuple[str, str]]:
    """Return the label and the text of each document of a half."""
    parts = re.split(r"^=== (\w+)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def rule_set(name: str) -> tuple[tuple[Rule, ...], dict[str, str]]:
    """Return the rules of a set, and the type of each label."""
    stored = json.loads((FOLDER / "rules.json").read_text(encoding="utf-8"))
    rules = tuple(Rule(**rule) for rule in stored[name])
    return rules, stored.get(f"of {name}") or {rule.type: rule.type for rule in rules}


def varied_cases(path: Path) -> Iterator[Case]:
    """Yield the questions about documents from the templates of a half."""
    for _, text, rules, expected in varied.questions(path):
        yield Case(VARIED, "none fits" if expected is None else "one fits", text, rules, expected)


def cases(path: Path) -> Iterator[Case]:
    """Yield every question about the documents of a half."""
    chance = random.Random(1)  # the same small sets each time
    for name in (KNOWN, OWN_WORDS):
        rules, types = rule_set(name)
        for label, text in documents(path):
            expected = types.get(label)
            others = [rule for rule in rules if rule.type != expected]
            own = [rule for rule in rules if rule.type == expected]
            yield Case(name, "all rules", text, rules, expected)
            few = chance.sample(others, FEW)
            yield Case(name, "none fits", text, tuple(few), None)
            if own:
                yield Case(name, "four rules", text, (*own, *few[1:]), expected)


@dataclass(frozen=True)
class Answer:
    """The classifier's answer to a case."""

    case: Case
    confidence: float
    right: bool


def answers(path: Path) -> list[Answer]:
    """Ask the classifier every question of a half."""
    return _asked(cases(path))


def varied_answers(path: Path) -> list[Answer]:
    """Ask the classifier the questions about documents from templates."""
    return _asked(varied_cases(path))


def _asked(questions: Iterable[Case]) -> list[Answer]:
    classifier = BasicClassifier()
    found = []
    for case in questions:
        verdict = classifier.classify(case.text, case.rules)
        found.append(Answer(case, verdict.confidence, verdict.type == case.expected))
    return found


def accuracy_table(found: Sequence[Answer]) -> str:
    """Return the share of right answers by set of rules and kind of question, as Markdown."""
    lines = ["| rules | question | right | of | accuracy |", "|---|---|---|---|---|"]
    for key in dict.fromkeys((one.case.rule_set, one.case.kind) for one in found):
        group = [one for one in found if (one.case.rule_set, one.case.kind) == key]
        right = sum(one.right for one in group)
        share = 100 * right / len(group)
        lines.append(f"| {key[0]} | {key[1]} | {right} | {len(group)} | {share:.0f}% |")
    return "\n".join(lines)


def reliability_table(found: Sequence[Answer]) -> str:
    """Return how often answers of each confidence were right, as Markdown."""
    lines = ["| confidence | answers | mean confidence | right |", "|---|---|---|---|"]
    for low, high in pairwise(BINS):
        group = [
            one for one in found if low <= one.confidence < high or high == one.confidence == 1
        ]
        if group:
            mean = sum(one.confidence for one in group) / len(group)
            right = 100 * sum(one.right for one in group) / len(group)
            lines.append(f"| {low:.1f} to {high:.1f} | {len(group)} | {mean:.2f} | {right:.0f}% |")
    return "\n".join(lines)


def calibration_error(found: Sequence[Answer]) -> float:
    """Return the expected calibration error: the mean gap of the table, weighted by answers."""
    gaps = 0.0
    for low, high in pairwise(BINS):
        group = [
            one for one in found if low <= one.confidence < high or high == one.confidence == 1
        ]
        gaps += abs(sum(one.confidence - one.right for one in group))
    return gaps / len(found)


def fit(path: Path) -> tuple[float, ...]:
    """Return the `CALIBRATION` that makes the answers of a half most likely."""
    rows = []
    for case in cases(path):
        found = fit_of(case.text, case.rules)
        rows.append((found.features, found.best.rule.type == case.expected))
    weights = [0.0] * len(rows[0][0])
    for _ in range(ROUNDS):
        slope = [0.0] * len(weights)
        for features, right in rows:
            z = sum(w * f for w, f in zip(weights, features, strict=True))
            error = right - 1 / (1 + math.exp(-z))
            slope = [s + error * f for s, f in zip(slope, features, strict=True)]
        weights = [
            w + STEP * (s - PULL * w) / len(rows) for w, s in zip(weights, slope, strict=True)
        ]
    return tuple(round(weight, 2) for weight in weights)


def main() -> None:
    """Print the tables of one half."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--held-out", action="store_true", help="the half nothing is tuned on")
    parser.add_argument("--fit", action="store_true", help="fit the calibration instead")
    parser.add_argument(
        "--varied", action="store_true", help="documents from templates instead of written ones"
    )
    parser.add_argument(
        "--wrong", action="store_true", help="show wrong answers of the tuning half"
    )
    options = parser.parse_args()
    if options.fit:
        print("CALIBRATION =", fit(TUNING))
        return
    if options.varied:
        found = varied_answers(varied.HELD_OUT if options.held_out else varied.TUNING)
    else:
        found = answers(HELD_OUT if options.held_out else TUNING)
    print(accuracy_table(found), reliability_table(found), sep="\n\n")
    print(f"\nexpected calibration error: {calibration_error(found):.3f}")
    if options.wrong and not options.held_out:
        for one in found:
            if not one.right:
                verdict = BasicClassifier().classify(one.case.text, one.case.rules)
                print(one.case.rule_set, one.case.kind, one.case.expected, verdict, sep=" | ")


if __name__ == "__main__":
    main()
