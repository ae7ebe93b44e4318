"""Which seeds a run uses, and how a failed one is repeated.

``make chaos N=100 FROM=7`` sets ``DOCMILL_CHAOS=100`` and ``DOCMILL_CHAOS_FROM=7``: a hundred
runs of the reaper, and a hundred times twenty mutants, from seed 7 on. Without it each test
tries its bounded number, and with ``DOCMILL_TEST_ALL=1`` more.
"""

import os

COUNT = int(os.environ.get("DOCMILL_CHAOS", "0"))
FIRST = int(os.environ.get("DOCMILL_CHAOS_FROM", "1"))
ALL = os.environ.get("DOCMILL_TEST_ALL") == "1"


def seeds(bounded: int, everything: int, *, factor: int = 1) -> range:
    """Return the seeds of one test.

    Args:
        bounded: how many a plain run of the suite tries.
        everything: how many ``make test-all`` tries.
        factor: what ``make chaos N=…`` multiplies its number with.
    """
    count = COUNT * factor or (everything if ALL else bounded)
    return range(FIRST, FIRST + count)


def replay(test: str, seed: int) -> str:
    """Return the command that tries one seed again, for the message of its failure."""
    return (
        f"seed {seed} failed; again: DOCMILL_CHAOS=1 DOCMILL_CHAOS_FROM={seed} "
        f".venv/bin/python -m pytest tests/chaos -k {test}"
    )
