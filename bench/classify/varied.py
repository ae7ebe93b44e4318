"""Documents from templates, and classification questions with arbitrary rules.

The two halves share no kinds, wordings or rules; nothing was fitted to the held-out half. There are
two questions about each document: one with a matching rule, and one without.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docmill.engines.classify.base import Rule

FOLDER = Path(__file__).parent
TUNING, HELD_OUT = FOLDER / "varied_tuning.txt", FOLDER / "varied_held_out.txt"
EACH = 8
"""Documents of a kind."""
_RULES = (3, 6)
"""Minimum and maximum rules of a question."""
_LEAST, _MOST = 3, 7
"""Lines of a document's body."""
_SLOT = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Kind:
    """A kind of document: matching rules, titles, and lines from which documents are composed."""

    name: str
    rules: tuple[Rule, ...]
    titles: tuple[str, ...]
    lines: tuple[str, ...]


def kinds(path: Path) -> list[Kind]:
    """Return the kinds of one half."""
    parts = re.split(r"^=== (.+)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [_kind(name, text) for name, text in zip(parts[::2], parts[1::2], strict=True)]


def _kind(name: str, text: str) -> Kind:
    rules, titles, lines = [], [""], []
    for line in text.splitlines():
        head, _, rest = line.partition(": ")
        if head == "rule":
            of_type, _, description = rest.partition(" | ")
            rules.append(Rule(of_type, description))
        elif head == "title":
            titles = [title.strip() for title in re.split(r"\s\|(?:\s|$)", rest)]
        else:
            lines.append(line)
    return Kind(name, tuple(rules), tuple(titles), tuple(lines))


def questions(path: Path) -> Iterator[tuple[str, str, tuple[Rule, ...], str | None]]:
    """Yield the kind of each document, its text, the rules, and the correct type."""
    chance = random.Random(7)  # the same questions each time
    every = kinds(path)
    for kind in every:
        for _ in range(EACH):
            text = _document(kind, chance)
            others = [chance.choice(one.rules) for one in every if one is not kind]
            others = [rule for rule in others if rule.type not in {r.type for r in kind.rules}]
            some = chance.sample(others, chance.randint(*_RULES))
            own = chance.choice(kind.rules)
            fitting = (own, *some[1:])
            yield kind.name, text, tuple(chance.sample(fitting, len(fitting))), own.type
            yield kind.name, text, tuple(some), None


def _document(kind: Kind, chance: random.Random) -> str:
    lines = list(kind.lines)
    some = set(chance.sample(range(len(lines)), min(len(lines), chance.randint(_LEAST, _MOST))))
    body = [line for number, line in enumerate(lines) if number in some]
    text = "\n".join([chance.choice(kind.titles), *body]).strip()
    return _SLOT.sub(lambda slot: chance.choice(slot[1].split("|")), text) + "\n"
