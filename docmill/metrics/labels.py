"""Bounds for the values of labels: each new value is a series that Prometheus keeps."""

from collections.abc import Iterable

OTHER = "other"
"""Label of everything beyond a limit."""

MAX_PROJECTS = 50
MAX_ENGINES = 50
MAX_LENGTH = 100
"""Maximum length of a value."""


class EngineLabels:
    """Labels of engines. Their names come from child processes, which may send anything."""

    def __init__(self, limit: int = MAX_ENGINES) -> None:
        self._limit = limit
        self._known: set[str] = set()

    def of(self, engine: str | None) -> str:
        """Return the label of an engine; empty for none."""
        if not engine or engine in self._known:
            return engine or ""
        if len(self._known) >= self._limit or len(engine) > MAX_LENGTH or not engine.isprintable():
            return OTHER
        self._known.add(engine)
        return engine


class ProjectLabels:
    """Labels of projects: names of the first ones, which keep them while the process runs."""

    def __init__(self, limit: int = MAX_PROJECTS) -> None:
        self._limit = limit
        self._names: dict[str, str] = {}

    def learn(self, projects: Iterable[tuple[str, str]]) -> None:
        """Add projects, by id and name, up to the limit."""
        for project_id, name in projects:
            if len(self._names) >= self._limit:
                return
            self._names.setdefault(project_id, name[:MAX_LENGTH])

    def of(self, project_id: str) -> str:
        """Return the label of a project."""
        return self._names.get(project_id, OTHER)
