"""Measured duration of tasks, and the number of tasks to prepare in advance."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHORT_SECONDS = 0.25
"""Maximum duration of tasks that are prepared in advance, and thus the delay of a pause or a cancel
of their batch."""
PREPARATION_SECONDS = 0.03
"""Usual time from a turn to its task: the item is claimed, in a transaction."""
_MOST_AHEAD = 4
"""Maximum tasks that are prepared for one child process. More were not faster."""
_WEIGHT = 0.25
"""Weight of the last task in the mean: four long ones in a row outweigh all earlier ones."""


class Pace:
    """Measures the tasks of a pool."""

    def __init__(self, children: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Create a measurement for a number of child processes."""
        self._children = children
        self._clock = clock
        self._usual: float | None = None
        self._began: dict[object, float] = {}

    def ahead(self) -> int:
        """Return how many tasks may be prepared beyond those with a free child process.

        While tasks are short, as many as the child processes end during the preparation of one, so
        that each gets its next task at once. Otherwise, and without measurements, none.
        """
        if self._usual is None or self._usual > SHORT_SECONDS:
            return 0
        now = self._clock()
        longest = now - min(self._began.values(), default=now)
        if longest > SHORT_SECONDS:
            return 0
        each = PREPARATION_SECONDS / max(self._usual, PREPARATION_SECONDS / _MOST_AHEAD)
        return self._children * max(1, round(each))

    @contextmanager
    def task(self) -> Iterator[None]:
        """Measure the block as a task."""
        key = object()
        self._began[key] = self._clock()
        try:
            yield
        finally:
            took = self._clock() - self._began.pop(key)
            usual = took if self._usual is None else self._usual
            self._usual = usual + (took - usual) * _WEIGHT
