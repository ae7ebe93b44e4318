"""When failed files end a whole batch: only if its owner asked for that."""

from docmill.contracts import FAILURE_SAMPLE, OpenedBatch, Tally


def passed(opened: OpenedBatch, tally: Tally) -> str | None:
    """Return which threshold the failures of this attempt have passed, in words, or None.

    What earlier attempts left does not count, and neither do skipped items: nothing ran for them.
    """
    failed = tally.failed - opened.settled.failed
    ran = failed + tally.completed - opened.settled.completed
    if opened.max_failures is not None and failed > opened.max_failures:
        return f"more than {opened.max_failures:,} files failed"
    rate = opened.max_failure_rate
    if rate is not None and ran >= FAILURE_SAMPLE and failed > rate * ran:
        return f"{failed:,} of the {ran:,} files that ran failed, more than {rate:.4g} of them"
    return None
