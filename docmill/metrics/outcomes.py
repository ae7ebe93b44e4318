"""Counts of outcomes, the same in a worker and in an API process."""

from collections.abc import Sequence
from typing import Protocol

from docmill.contracts.words import Outcome
from docmill.metrics.catalogue import ITEMS, OUTCOMES, PAGES, Metric
from docmill.metrics.labels import EngineLabels, ProjectLabels
from docmill.records.outcomes import SettledItem


class Counters(Protocol):
    """Publishes counters."""

    def add(self, metric: Metric, amount: int, *labels: str) -> None:
        """Add to a counter; ``labels`` are the values of its labels, in order."""


class OutcomeCounts:
    """Counts the outcomes that one process commits. Their labels are bounded."""

    def __init__(self, counters: Counters, projects: ProjectLabels, engines: EngineLabels) -> None:
        self._counters = counters
        self._projects = projects
        self._engines = engines
        for outcome in Outcome:  # the rate of a counter needs its zero
            counters.add(OUTCOMES, 0, outcome)

    def count(self, settled: Sequence[SettledItem]) -> None:
        """Count outcomes that were committed, see `Database.on_settled`."""
        for one in settled:
            engine, project = self._engines.of(one.engine), self._projects.of(one.project_id)
            self._counters.add(OUTCOMES, one.items, one.outcome)
            self._counters.add(
                ITEMS, one.items, one.outcome, one.failure_class or "", engine, project
            )
            for state, pages in (("ok", one.pages_ok), ("failed", one.pages_failed)):
                if pages:
                    self._counters.add(PAGES, pages, state, engine, project)
