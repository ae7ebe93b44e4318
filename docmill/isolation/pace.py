"""How long tasks take now, and so how many may be prepared before a child is free for them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHORT_SECONDS = 0.25
"""A task that is prepared ahead waits for about so long at most, and so does a pause or a cancel
of its batch that comes meanwhile."""
_WEIGHT = 0.25
"""Of the last task in the mean: four long ones in a row count for more than all before."""


class Pace:
    """Measures the tasks of a pool."""

    def __init__(self, children: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Measure the tasks of so many children."""
        self._children = children
        self._clock = clock
        self._usual: float | None = None
        self._began: dict[object, float] = {}

    def ahead(self) -> int:
        """Return how many tasks may be prepared beyond those for which a child is free.

        One for each child while tasks are short: the child then has the next one at once. None
        before anything is known, and none while a task takes long.
        """
        if self._usual is None or self._usual > SHORT_SECONDS:
            return 0
        now = self._clock()
        longest = now - min(self._began.values(), default=now)
        return 0 if longest > SHORT_SECONDS else self._children

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
