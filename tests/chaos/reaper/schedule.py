"""The schedule of kills, derived from a seed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

STRIKES = (3, 6)
"""The fewest and the most moments of one run; at each, one or two processes are killed."""

MOST = {"worker": 2, "engine": 2, "temporal": 2, "temporal silent": 1}
"""One item survives two lost workers and two crashed engines (see errors.py): with more kills of
these, a run could end some item as failed, and rightly so."""
MOST_OF_OTHERS = 3


@dataclass(frozen=True)
class Strike:
    """One moment.

    Attributes:
        after: files whose engine must have been started before.
        pause: seconds to wait then.
        victims: kinds of processes.
    """

    after: int
    pause: float
    victims: tuple[str, ...]


def schedule(seed: int, house: str, kinds: Sequence[str], files: int) -> list[Strike]:
    """Return the strikes of ``seed`` on a house with these kinds, while it does ``files``."""
    random = Random(f"{house} {seed}")
    moments = sorted(random.sample(range(5, files * 6 // 7), random.randint(*STRIKES)))
    killed: Counter[str] = Counter()
    strikes = []
    for moment in moments:
        left = [kind for kind in kinds if killed[kind] < MOST.get(kind, MOST_OF_OTHERS)]
        victims = random.sample(left, random.choice([1, 2]))
        killed.update(victims)
        strikes.append(Strike(moment, random.uniform(0, 0.4), tuple(victims)))
    return strikes
