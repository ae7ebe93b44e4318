"""Measurement of the time that each step of an engine takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Collects seconds by the name of a step.

    Attributes:
        seconds: wall clock of each step so far, to the millisecond.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count the time inside the block under ``name``; the same name adds up."""
        began = time.perf_counter()
        try:
            yield
        finally:
            spent = self.seconds.get(name, 0.0) + time.perf_counter() - began
            self.seconds[name] = round(spent, 3)
